"""How often an attack asks a model, whoever wrote the attack: images forward and images backward."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from torch import Tensor, nn


@dataclass
class Passes:
    """What was asked: a pass is one image, forward or backward."""

    forward: int = 0
    backward: int = 0

    @property
    def total(self) -> int:
        """Both."""
        return self.forward + self.backward


@contextmanager
def count_passes(*models: nn.Module) -> Iterator[Passes]:
    """Count the images that these models see, and those whose gradient is asked of their answers.

    :param models: modules that answer a batch [N, ...]; one that stands here twice is counted once.
    """
    passes = Passes()

    def count_backward(gradient: Tensor) -> None:
        passes.backward += len(gradient)

    def count_forward(_model: nn.Module, asked: tuple[Any, ...], answer: Tensor) -> None:
        passes.forward += len(asked[0])
        if answer.requires_grad:
            answer.register_hook(count_backward)

    handles = [model.register_forward_hook(count_forward) for model in dict.fromkeys(models)]
    try:
        yield passes
    finally:
        for handle in handles:
            handle.remove()
