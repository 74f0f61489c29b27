"""PDPGD takes the steps of its paper, in every norm."""

from __future__ import annotations

import pytest
import torch

from tasks.attacks.engine.minimum_norm import measure_norm
from tasks.attacks.pdpgd.craft import shrink
from tests.support.minimum_norm import STEPS, check_reference
from tests.support.reference_minimum_norm import run_pdpgd

NORMS = ["linf", "l2", "l1"]


@pytest.mark.slow
@pytest.mark.parametrize("norm", NORMS)
def test_every_step_is_that_of_the_paper(norm: str) -> None:
    check_reference("pdpgd", norm, lambda model, clean, label: run_pdpgd(model, clean, label, norm, STEPS))


@pytest.mark.slow
def test_the_weight_of_success_rises_while_there_is_none_and_falls_while_there_is() -> None:
    """It begins low and moves fast, so that its way shows in the perturbations of a few steps."""
    check_reference(
        "pdpgd", "l2", lambda model, clean, label: run_pdpgd(model, clean, label, "l2", STEPS, 1.0, 1.0),
        initial_ratio=1.0, dual_step_size=1.0,
    )  # fmt: skip


@pytest.mark.parametrize("norm", NORMS)
def test_nothing_near_is_smaller_in_distance_and_norm_than_what_is_shrunk(norm: str) -> None:
    drawn = torch.Generator().manual_seed(1)
    delta = torch.randn(5, 1, 3, 3, generator=drawn)
    weights = torch.tensor([0.01, 0.1, 0.5, 1.0, 20.0])

    def measure(point: torch.Tensor) -> torch.Tensor:
        return (point - delta).square().sum((1, 2, 3)) / 2 + weights * measure_norm(point, norm)

    shrunk = shrink(delta, weights, norm)
    least = measure(shrunk)
    for scale in (1e-3, 1e-2, 0.1, 1.0):
        for _ in range(50):
            assert (measure(shrunk + scale * torch.randn(delta.shape, generator=drawn)) >= least - 1e-5).all()
    assert (shrunk[-1] == 0).all()
