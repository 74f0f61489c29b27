"""FMN takes the steps of its paper, in every norm."""

from __future__ import annotations

import pytest
import torch

from tasks.attacks.fmn.craft import keep_largest
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
