"""FMN takes the steps of its paper, in every norm."""

from __future__ import annotations

import pytest
import torch

from tasks.attacks.engine.minimum_norm import Look
from tasks.attacks.fmn import craft
from tasks.attacks.fmn.craft import keep_largest
from tasks.attacks.fmn.settings import FmnSettings
from tests.support.attack_models import Linear, job_of, linear_images
from tests.support.minimum_norm import STEPS, check_reference
from tests.support.reference_minimum_norm import run_fmn


@pytest.mark.parametrize("norm", ["linf", "l2", "l1", "l0"])
def test_every_step_is_that_of_the_paper(norm: str) -> None:
    check_reference("fmn", norm, lambda model, clean, label: run_fmn(model, clean, label, norm, STEPS))


def test_the_largest_changes_stay_and_the_first_of_equal_ones() -> None:
    delta = torch.tensor([[0.1, -0.4, 0.3, 0.3], [0.2, 0.2, -0.2, 0.2]]).view(2, 1, 2, 2)
    kept = keep_largest(delta, torch.tensor([2.0, 3.0])).flatten(1)
    torch.testing.assert_close(kept, torch.tensor([[0.0, -0.4, 0.3, 0.0], [0.2, 0.2, -0.2, 0.0]]))
    assert torch.equal(keep_largest(delta, torch.tensor([0.0, 9.0])).flatten(1)[0], torch.zeros(4))


def test_the_radius_goes_no_farther_than_the_best_success_and_half_way_to_the_boundary() -> None:
    """Successes of size 4 with a margin of 1 and gradients of length 0.5 and 10: the boundary seems 2 and 0.1 away."""
    job = job_of(Linear(), linear_images(3), (1,))
    walk = craft._Walk(job, FmnSettings(norm="l2", gamma=0.5, steps=10))
    gradient = torch.zeros_like(job.clean)
    gradient.flatten(1)[:, 0] = torch.tensor([0.5, 10.0, 10.0])
    sizes, margin = torch.full((3,), 4.0), torch.ones(3)

    def choose(best: float, *adversarial: bool) -> list[float]:
        known = torch.tensor(adversarial)
        look = Look(0, job.clean, gradient, margin, known, sizes, 0, torch.full((3,), best))
        walk._eps = walk._choose_radius(look, 0.5)
        return [round(value, 4) for value in walk._eps.tolist()]

    assert choose(4.0, True, True, False) == [3.0, 3.95, torch.inf], "free before its first success"
    assert choose(4.0, False, False, True) == [4.5, 5.925, 3.95]
    assert choose(1.5, False, True, True) == [6.75, 1.5, 1.5], "no farther than the best"
    assert choose(1.5, True, True, True) == [1.5, 0.75, 0.75]
