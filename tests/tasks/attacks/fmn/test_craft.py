"""FMN takes the steps of its paper, in every norm."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor, nn

from tasks.attacks.engine.attacked_model import AttackedModel
from tasks.attacks.engine.job import AttackJob
from tasks.attacks.engine.minimum_norm import Look, walk_to_smallest
from tasks.attacks.fmn import craft
from tasks.attacks.fmn.craft import keep_largest
from tasks.attacks.fmn.settings import FmnSettings
from tasks.evaluation.settings import AttackSettings
from tests.support.attack_models import Linear, job_of, linear_images, settings
from tests.support.attack_models import craft as craft_attack
from tests.support.minimum_norm import STEPS, check_reference
from tests.support.reference_minimum_norm import run_fmn


@pytest.mark.slow
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


class Hidden(nn.Module):
    """Of an image of zeros class 1 is the likeliest after the label, and 2 away in L1; class 2 is 2 / 3 away, class 3
    is 1 away."""

    def forward(self, pixels: Tensor) -> Tensor:
        flat = pixels.flatten(1)
        likely, near, third = flat[:, :12].sum(1) / 2 - 1, 3 * flat[:, 12] - 2, 3 * flat[:, 13] - 3
        return torch.stack([flat.sum(1) * 0, likely, near, third], 1)


def hidden_job(steps: int) -> AttackJob:
    model = AttackedModel(Hidden(), Hidden(), Hidden())
    return AttackJob(model, torch.zeros(2, 1, 4, 4), torch.zeros(2, dtype=torch.int64), (steps,), torch.arange(2))


@pytest.mark.parametrize(("fields", "size"), [
    ({}, 2 / 3), pytest.param({"classes": 2}, 2 / 3, marks=pytest.mark.slow), ({"classes": 0}, 2.0)
])  # fmt: skip
def test_in_l1_a_class_that_the_first_walk_does_not_come_to_may_be_nearer(fields: dict[str, int], size: float) -> None:
    job = hidden_job(200)
    found = craft_attack(job, settings(name="fmn", norm="l1", steps=200, **fields))
    torch.testing.assert_close((found - job.clean).abs().flatten(1).sum(1), torch.full((2,), size), rtol=0.02, atol=0)


@pytest.mark.parametrize(("fields", "walks"), [
    ({}, [(60, None), (21, 1), (21, 2), (21, 3), (77, 2)]), ({"classes": 2}, [(60, None), (32, 1), (32, 2), (76, 2)]),
    ({"classes": 1}, [(200, None)]), ({"steps": 149}, [(149, None)]), ({"norm": "l2"}, [(200, None)]),
    ({"targeted": True}, [(200, 1)]),
])  # fmt: skip
def test_steps_are_divided_among_a_walk_to_any_class_tries_of_several_and_one_to_the_nearest(
    fields: dict[str, Any], walks: list[tuple[int, int | None]], monkeypatch: pytest.MonkeyPatch
) -> None:
    begun: list[tuple[int, int | None]] = []

    def walk(job: AttackJob, norm: str, steps: int, *rest: Any) -> Tensor:
        wanted = None if job.target_classes is None else int(job.target_classes[0])
        begun.append((steps, wanted))
        return walk_to_smallest(job, norm, min(steps, 25), *rest)  # enough to see which class is the nearest

    monkeypatch.setattr(craft, "walk_to_smallest", walk)
    craft_attack(hidden_job(200), settings(name="fmn", **{"norm": "l1", "steps": 200, **fields}))
    assert begun == walks


def test_the_number_of_classes_says_nothing_in_another_norm_or_toward_a_target() -> None:
    for fields in ({"norm": "l2"}, {"norm": "l1", "targeted": True}):
        asked = [settings(name="fmn", classes=classes, **fields) for classes in (4, 5)]
        assert asked[0] == asked[1]
        assert AttackSettings.model_validate({"name": "fmn", "classes": 5, **fields}).method.list_idle()
    alone = [settings(name="fmn", norm="l1", classes=classes) for classes in (4, 5)]
    assert alone[0] != alone[1]
