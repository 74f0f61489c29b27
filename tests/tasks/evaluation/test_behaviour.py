"""What a model does when it is asked is noticed beside a profiler too, which goes on afterwards."""

from __future__ import annotations

import cProfile
import pstats
import sys
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from tasks.evaluation.behaviour import check_behaviour

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
