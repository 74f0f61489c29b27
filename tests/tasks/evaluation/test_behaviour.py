"""How a model behaves when it is asked: each oddity is counted by itself, beside a profiler too, which goes on."""

from __future__ import annotations

import cProfile
import pstats
import sys
from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from tasks.evaluation.behaviour import check_behaviour

PLAIN = {
    "alone_images": 3,
    "alone_differs": 0,
    "changed_tensors": 0,
    "training_modules": 0,
    "dynamic": False,
    "probabilities": False,
}


class Odd(nn.Module):
    """Two logits of an image's mean, but for what a function of it does."""

    def __init__(self, act: Callable[[Odd, Tensor, Tensor], Tensor]) -> None:
        super().__init__()
        self.act = act
        self.weight = nn.Parameter(torch.tensor([2.0, -1.0]))
        self.seen: Tensor
        self.register_buffer("seen", torch.zeros(1))
        self.register_buffer("other", torch.zeros(1))

    def forward(self, pixels: Tensor) -> Tensor:
        """[N, C, H, W] -> [N, 2]."""
        return self.act(self, pixels, pixels.mean((1, 2, 3))[:, None] * self.weight + torch.tensor([1.0, 0.0]))


def look_at_gradient(_: Odd, pixels: Tensor, logits: Tensor) -> Tensor:
    with torch.enable_grad():
        asked = pixels.detach().requires_grad_()
        torch.autograd.grad((asked * 2).sum(), asked)
    return logits


def remember(model: Odd, pixels: Tensor, logits: Tensor) -> Tensor:
    model.seen += len(pixels)
    return logits


def replace_weight(model: Odd, _: Tensor, logits: Tensor) -> Tensor:
    model.weight.data = model.weight.data.clone()
    return logits


def start_training(model: Odd, _: Tensor, logits: Tensor) -> Tensor:
    model.train()
    return logits


@pytest.mark.parametrize(
    ("act", "expected"),
    [
        (lambda _model, _pixels, logits: logits, {}),
        (lambda _model, _pixels, logits: logits - logits.mean(0), {"alone_differs": 3}),
        (lambda _model, pixels, logits: logits + 5e-4 * (len(pixels) < 12), {}),
        (lambda _model, _pixels, logits: logits * torch.nan, {"alone_differs": 3}),
        (lambda _model, _pixels, logits: logits.softmax(1), {"probabilities": True}),
        (lambda _model, _pixels, logits: logits.softmax(1) * 1.001, {}),
        (lambda _model, _pixels, logits: torch.stack([1 - 2 * logits[:, 0], 2 * logits[:, 0]], 1), {}),
        (remember, {"changed_tensors": 1}),
        (replace_weight, {"changed_tensors": 1}),
        (start_training, {"training_modules": 1}),
        (look_at_gradient, {"dynamic": True}),
    ],
    ids=range(11),
)
def test_each_oddity_is_counted(act: Callable[[Odd, Tensor, Tensor], Tensor], expected: dict[str, object]) -> None:
    pixels = torch.rand(12, 1, 2, 2, generator=torch.Generator().manual_seed(1))
    before = sys.getprofile()
    assert check_behaviour(lambda: Odd(act).eval(), pixels) == PLAIN | expected
    assert sys.getprofile() is before


def test_the_first_images_are_asked_about_by_a_copy_that_has_answered_nothing() -> None:
    """32 of 40 together, and 8 of these by a fresh copy, which sees what the first one saw."""
    asked: list[int] = []
    made: list[Odd] = []

    def note(model: Odd, pixels: Tensor, logits: Tensor) -> Tensor:
        asked.append(len(pixels))
        return remember(model, pixels, logits)

    def make() -> nn.Module:
        made.append(Odd(note).eval())
        return made[-1]

    found = check_behaviour(make, torch.rand(40, 1, 2, 2))
    assert (asked, len(made), found["alone_images"]) == ([32, 8], 2, 8)
    assert check_behaviour(make, torch.rand(3, 1, 2, 2))["alone_images"] == 1


PIXELS = torch.rand(4, 1, 4, 4, generator=torch.Generator().manual_seed(0))


class Looking(nn.Module):
    """Takes a gradient to answer."""

    def forward(self, pixels: Tensor) -> Tensor:
        with torch.enable_grad():
            inputs = pixels.detach().requires_grad_()
            torch.autograd.grad(inputs.square().sum(), inputs)
        return pixels.flatten(1)


def after_it() -> None:
    """Called when the check is over."""


@pytest.mark.parametrize(("make", "dynamic"), [(Looking, True), (nn.Flatten, False)])
def test_under_cprofile_the_check_is_the_same_and_the_profile_goes_on(make: Any, dynamic: bool) -> None:
    alone = check_behaviour(make, PIXELS)
    with cProfile.Profile() as profile:
        profiled = check_behaviour(make, PIXELS)
        after_it()
    assert sys.getprofile() is None
    assert profiled == alone
    assert alone["dynamic"] is dynamic
    names = {name for _, _, name in pstats.Stats(profile).stats}  # type: ignore[attr-defined]
    assert "after_it" in names


def test_a_profiler_of_python_hears_what_it_would_have_heard() -> None:
    heard: list[str] = []

    def note(frame: Any, event: str, argument: Any) -> None:  # noqa: ARG001
        if event == "call":
            heard.append(frame.f_code.co_name)

    sys.setprofile(note)
    try:
        found = check_behaviour(Looking, PIXELS)
        assert sys.getprofile() is note
    finally:
        sys.setprofile(None)
    assert found["dynamic"] is True
    assert {"forward", "check_behaviour"} <= set(heard)
