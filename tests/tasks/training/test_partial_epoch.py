"""An epoch in progress: sums over images, the largest perturbation, and the same order after a checkpoint."""

from __future__ import annotations

import pytest
import torch

from tasks.training.partial_epoch import PartialEpoch
from tests.support.training import make_draw

CPU = torch.device("cpu")


def number(value: float) -> torch.Tensor:
    return torch.tensor(value, requires_grad=True)


def test_steps_are_summed_over_images_and_the_largest_perturbation_is_kept() -> None:
    """(2 * 3 + 5 * 1) / 4 and (0.5 * 3 + 1 * 1) / 4."""
    epoch = PartialEpoch.begin(make_draw(), CPU)
    epoch.note_step(number(2.0), torch.tensor(0.5), None, 3)
    assert epoch.finish(3) == pytest.approx((2.0, 0.5, None))
    epoch.note_step(number(5.0), torch.tensor(1.0), torch.tensor(0.3), 1)
    epoch.note_step(number(0.0), torch.tensor(0.0), torch.tensor(0.2), 0)
    assert not epoch.totals.requires_grad
    assert epoch.finish(4) == pytest.approx((2.75, 0.625, 0.3))


def test_after_a_checkpoint_the_order_is_the_same_and_the_numbers_go_on() -> None:
    draw = make_draw()
    epoch = PartialEpoch.begin(draw, CPU)
    order = epoch.draw_order(20, draw)
    assert sorted(order.tolist()) == list(range(20))
    following = torch.rand(3, generator=draw)
    epoch.note_step(number(2.0), torch.tensor(0.5), torch.tensor(0.25), 3)
    epoch.steps = 1
    numbers = {"steps": 1, "seconds": 2.5}
    assert epoch.list_tensors().keys() == {"beginning", "totals", "reached"}
    again = PartialEpoch.restore(epoch.list_tensors(), numbers, CPU)
    assert (again.steps, again.seconds) == (1, 2.5)
    assert again.finish(3) == epoch.finish(3)
    other = make_draw()
    torch.rand(5, generator=other)
    before = other.get_state()
    assert again.draw_order(20, other).tolist() == order.tolist()
    assert torch.equal(other.get_state(), before), "nothing is taken from numbers that have gone on"
    fresh = PartialEpoch.begin(make_draw(), CPU)
    draw = make_draw()
    fresh.draw_order(20, draw)
    assert torch.equal(torch.rand(3, generator=draw), following), "an epoch that begins takes its order from them"


def test_without_examples_no_perturbation_is_kept() -> None:
    epoch = PartialEpoch.begin(make_draw(), CPU)
    assert epoch.list_tensors().keys() == {"beginning", "totals"}
    again = PartialEpoch.restore(epoch.list_tensors(), {"steps": "3", "seconds": 0}, CPU)
    assert (again.steps, again.reached) == (3, None)
    with pytest.raises(KeyError):
        PartialEpoch.restore({"beginning": epoch.beginning}, {"steps": 1, "seconds": 0}, CPU)
