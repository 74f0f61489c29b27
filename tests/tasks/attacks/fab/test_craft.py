"""FAB takes every step of the paper toward each class."""

from __future__ import annotations

from functools import lru_cache
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from tasks.attacks.engine.attacked_model import AttackedModel
from tasks.attacks.engine.job import AttackJob
from tasks.attacks.engine.losses import rank_likeliest_others
from tasks.attacks.fab import craft as fab
from tasks.attacks.fab.craft import keep_nearest, plan_rounds, run_toward_target
from tasks.attacks.fab.settings import FabTSettings
from tasks.attacks.fab.walk import Walk
from tests.support.attack_models import HALF, craft, job_of, network, network_images, settings
from tests.support.reference_attacks import iterate_fab, measure

COUNT, STEPS, TARGETS = 6, 20, 2


@lru_cache
def make_job() -> AttackJob:
    """The images of the tests that hold FAB against its paper."""
    model = network()
    return job_of(model, network_images(model, COUNT), (1,))


class WalkOfPaper:
    """The walk of an image from itself toward the nearest of some rivals, as far as somebody asked for it."""

    def __init__(self, place: int, rivals: tuple[int, ...], norm: str) -> None:
        job = make_job()
        self._clean, self._norm = job.clean[place : place + 1], norm
        self._walk = iterate_fab(job.model.judge, self._clean, int(job.labels[place]), rivals, norm)
        self._sizes: list[float] = []

    def measure_after(self, steps: int) -> float:
        """The size of the smallest adversarial perturbation of so many steps; infinite where there is none."""
        while len(self._sizes) < steps:
            self._sizes.append(measure(next(self._walk) - self._clean, self._norm) or torch.inf)
        return self._sizes[steps - 1]


walk_of_paper = lru_cache(maxsize=None)(WalkOfPaper)


@pytest.mark.slow
@pytest.mark.parametrize("norm", ["linf", "l2", "l1"])
def test_the_nearest_image_of_all_walks_is_found(norm: str) -> None:
    job = make_job()
    found = craft(job, settings(name="fab_t", norm=norm, steps=STEPS, targets=TARGETS, narrows=False))
    better_later = 0
    for place, likeliest in enumerate(rank_likeliest_others(job, TARGETS).tolist()):
        sizes = [walk_of_paper(place, (target,), norm).measure_after(STEPS) for target in likeliest]
        better_later += sizes[1] < sizes[0]
        assert measure(found[place] - job.clean[place], norm) == pytest.approx(min(sizes), rel=1e-3)
    assert better_later < COUNT
    assert job.is_adversarial(found).all()


@pytest.mark.slow
@pytest.mark.parametrize("norm", ["linf", "l2", "l1"])
def test_the_walk_that_is_nearest_early_takes_the_steps_of_the_others(norm: str) -> None:
    """Half of 3 x 8 steps go to all three walks, half to the nearest of them: it takes 4 steps and 12 more."""
    job = make_job()
    found = craft(job, settings(name="fab_t", norm=norm, steps=8, targets=3))
    for place, likeliest in enumerate(rank_likeliest_others(job, 3).tolist()):
        walks = [walk_of_paper(place, (target,), norm) for target in likeliest]
        nearest = min(walks, key=lambda walk: walk.measure_after(4))
        assert measure(found[place] - job.clean[place], norm) == pytest.approx(nearest.measure_after(16), rel=1e-3)


def test_all_rounds_take_the_same_number_of_steps() -> None:
    assert plan_rounds(9, FabTSettings(steps=100)) == [(9, 33), (3, 100), (1, 300)]
    assert plan_rounds(4, FabTSettings(steps=10)) == [(4, 3), (2, 6), (1, 13)]
    assert plan_rounds(1, FabTSettings(steps=10)) == [(1, 10)]
    assert plan_rounds(9, FabTSettings(steps=1)) == [(9, 1), (3, 1), (1, 3)]
    assert plan_rounds(9, FabTSettings(steps=100, narrows=False)) == [(9, 100)]


def test_a_walk_that_found_something_goes_on_before_one_that_is_nearer_and_has_not() -> None:
    model = Close()
    clean = torch.full((2, 1, 2, 2), 0.5)
    job = AttackJob(AttackedModel(model, model, model), clean, torch.tensor([0, 0]), (1,), torch.arange(2))

    def walk(name: int, moved: list[float], sizes: list[float]) -> Walk:
        rivals = torch.full((2, 1), name)
        return Walk(rivals, clean + torch.tensor(moved).view(2, 1, 1, 1), clean, torch.tensor(sizes))

    inf = torch.inf
    walks = [walk(1, [0.1, 0.1], [inf, inf]), walk(2, [0.3, 0.3], [0.4, inf]), walk(3, [0.2, 0.05], [0.2, inf])]
    kept = keep_nearest(job, walks, 2, "linf")
    assert [walk.rivals.flatten().tolist() for walk in kept] == [[3, 3], [2, 1]]
    assert [walk.sizes.tolist() for walk in kept] == [[pytest.approx(0.2), inf], [pytest.approx(0.4), inf]]
    assert keep_nearest(job, walks, 3, "linf") is walks


@pytest.mark.slow
@pytest.mark.parametrize("norm", ["linf", "l2", "l1"])
def test_one_walk_goes_to_the_nearest_boundary_at_each_step(norm: str) -> None:
    job = make_job()
    found = craft(job, settings(name="fab", norm=norm, steps=STEPS, candidates=4))
    toward_one = 0
    for place, rivals in enumerate(rank_likeliest_others(job, 3).tolist()):
        walk, first = (
            walk_of_paper(place, tuple(chosen), norm).measure_after(STEPS) for chosen in (rivals, rivals[:1])
        )
        toward_one += walk == first
        assert measure(found[place] - job.clean[place], norm) == pytest.approx(walk, rel=1e-3)
    assert toward_one < COUNT, "the likeliest class is not the nearest everywhere"
    assert job.is_adversarial(found).all()


class Close(nn.Module):
    """The label leads by a share of the largest logit, which the first value can undo."""

    def forward(self, pixels: Tensor) -> Tensor:
        lead = pixels.flatten(1)[:, 0] - 0.5
        return torch.stack([100 + lead, 100 - lead, 0 * lead, 0 * lead], 1)


@pytest.mark.parametrize("own", [{"name": "fab"}, {"name": "fab_t", "narrows": False}])
@pytest.mark.parametrize("norm", ["linf", "l2", "l1"])
def test_a_walk_does_not_end_on_the_boundary(own: dict[str, Any], norm: str) -> None:
    """Three units in the last place of the logits ahead: a step and its twentieth end where both logits are equal."""
    model = Close()
    clean = torch.full((2, 1, 2, 2), 0.5)
    clean[:, 0, 0, 0] += 3 * 2**-17
    job = AttackJob(AttackedModel(model, model, model), clean, torch.tensor([0, 0]), (1,), torch.arange(2))
    found = craft(job, settings(**own, norm=norm, steps=10))
    assert job.is_adversarial(found).all()


def test_a_run_of_autoattack_counts_what_is_within_the_budget_alone() -> None:
    model = network()
    job = job_of(model, network_images(model, 12), (1,))
    found = run_toward_target(job, FabTSettings(norm="linf", steps=20), HALF["linf"], 0)
    sizes = (found - job.clean).flatten(1).abs().amax(1)
    reached = job.is_adversarial(found)
    assert (sizes <= HALF["linf"]).all()
    assert torch.equal(sizes > 0, reached)
    assert 0 < int(reached.sum()) < 12


def test_of_so_many_candidates_the_class_itself_is_one(monkeypatch: pytest.MonkeyPatch) -> None:
    def note(job: AttackJob, others: Tensor, _: object) -> Tensor:
        rivals.append(others.shape[1])
        return job.clean

    rivals: list[int] = []
    model = network()
    monkeypatch.setattr(fab, "walk_to_boundary", note)
    craft(job_of(model, network_images(model, 2), (1,)), settings(name="fab", norm="linf", steps=1, candidates=4))
    assert set(rivals) == {3}
