"""How a model behaves when it is asked: whether an answer is its own, depends on the image alone and leaves no trace.

The flags that AutoAttack raises (Croce and Hein 2020, arXiv 2003.01690: `checks.py` of the authors) and what Croce et
al. 2022 (arXiv 2202.13711) need of a defence that adapts at test time, for two passes over a few images.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn

ASKED = 32
"""Images that are asked about."""
ALIKE = 1e-3
"""Share of the largest logit by which an image's answer may depend on the images beside it."""
GRADIENT_CALLS = ("grad", "backward")
"""Functions of `torch.autograd` that a model calls which looks at its own gradient."""


def check_behaviour(make_model: Callable[[], nn.Module], pixels: Tensor) -> dict[str, int | bool]:
    """Counts of what is unusual, for the first images.

    `alone_images`: images that were asked about; `alone_differs`: those whose answer is another among fewer images.
    `changed_tensors`: weights and buffers that an answer has changed. `training_modules`: layers in training mode
    afterwards. `dynamic`: whether an answer takes gradients. `probabilities`: whether answers are probabilities.

    :param make_model: gives a frozen copy that has answered nothing yet.
    :param pixels: float [N, C, H, W] in [0, 1].
    """
    model, asked = make_model(), pixels[:ASKED]
    before = _note_state(model)
    with torch.no_grad(), _count_gradient_calls() as calls:
        together = model(asked)
    changed = sum(before.get(name) != state for name, state in _note_state(model).items())
    with torch.no_grad():
        alone = make_model()(asked[: max(len(asked) // 4, 1)])
    scale = together.abs().amax(1).clamp_min(1e-12)[: len(alone)]
    differs = ~((alone - together[: len(alone)]).abs().amax(1) <= ALIKE * scale)
    return {
        "alone_images": len(alone),
        "alone_differs": int(differs.sum()),
        "changed_tensors": changed,
        "training_modules": sum(module.training for module in model.modules()),
        "dynamic": bool(calls),
        "probabilities": _are_probabilities(together),
    }


def _note_state(model: nn.Module) -> dict[str, tuple[int, int]]:
    """Where each tensor of a model lies, and how often it was written to: no value is read."""
    tensors = [*model.named_parameters(), *model.named_buffers()]
    return {name: (tensor.data_ptr(), tensor._version) for name, tensor in tensors}


def _are_probabilities(answers: Tensor) -> bool:
    inside = (answers >= -1e-5) & (answers <= 1 + 1e-5)
    return bool(inside.all() & ((answers.sum(1) - 1).abs() < 1e-4).all())


@contextmanager
def _count_gradient_calls() -> Iterator[list[str]]:
    """The calls of autograd in this thread, noted while the context is open."""
    calls: list[str] = []

    def note(frame: Any, event: Any, argument: Any) -> None:
        if event == "call" and frame.f_code.co_name in GRADIENT_CALLS and "autograd" in frame.f_code.co_filename:
            calls.append(frame.f_code.co_name)
        if callable(former):
            former(frame, event, argument)

    former: Any = sys.getprofile()
    pauses = former is not None and not callable(former)  # cProfile, of which nothing can be called
    if pauses:
        former.disable()
    sys.setprofile(note)
    try:
        yield calls
    finally:
        sys.setprofile(None if pauses else former)
        if pauses:
            former.enable()
