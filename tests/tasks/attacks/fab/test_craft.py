"""FAB takes every step of the paper toward each class."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn

from tasks.attacks.engine.attacked_model import AttackedModel
from tasks.attacks.engine.job import AttackJob
from tasks.attacks.engine.losses import rank_likeliest_others
from tasks.attacks.fab.craft import run_toward_target
from tasks.attacks.fab.settings import FabTSettings
from tests.support.attack_models import HALF, craft, job_of, network, network_images, settings
from tests.support.reference_attacks import measure, run_fab

COUNT, STEPS, TARGETS = 6, 20, 2


@pytest.mark.parametrize("norm", ["linf", "l2", "l1"])
def test_the_nearest_image_of_all_walks_is_found(norm: str) -> None:
    model = network()
    job = job_of(model, network_images(model, COUNT), (1,))
    found = craft(job, settings(name="fab_t", norm=norm, steps=STEPS, targets=TARGETS))
    likeliest = rank_likeliest_others(job, TARGETS)
    better_later = 0
    for place, label in enumerate(job.labels.tolist()):
        one = slice(place, place + 1)
        walks = [
            run_fab(job.model.judge, job.clean[one], label, [target], norm=norm, steps=STEPS) - job.clean[one]
            for target in likeliest[place].tolist()
        ]
        sizes = [measure(walk, norm) or torch.inf for walk in walks]
        better_later += sizes[1] < sizes[0]
        assert measure(found[one] - job.clean[one], norm) == pytest.approx(min(sizes), rel=1e-3)
    assert better_later < COUNT
    assert job.is_adversarial(found).all()


@pytest.mark.parametrize("norm", ["linf", "l2", "l1"])
def test_one_walk_goes_to_the_nearest_boundary_at_each_step(norm: str) -> None:
    model = network()
    job = job_of(model, network_images(model, COUNT), (1,))
    found = craft(job, settings(name="fab", norm=norm, steps=STEPS, candidates=4))
    likeliest = rank_likeliest_others(job, 3)
    toward_one = 0
    for place, label in enumerate(job.labels.tolist()):
        one = slice(place, place + 1)
        rivals = likeliest[place].tolist()
        walk, first = (
            measure(
                run_fab(job.model.judge, job.clean[one], label, chosen, norm=norm, steps=STEPS) - job.clean[one], norm
            )
            for chosen in (rivals, rivals[:1])
        )
        toward_one += walk == first
        assert measure(found[one] - job.clean[one], norm) == pytest.approx(walk, rel=1e-3)
    assert toward_one < COUNT, "the likeliest class is not the nearest everywhere"
    assert job.is_adversarial(found).all()


class Close(nn.Module):
    """The label leads by a share of the largest logit, which the first value can undo."""

    def forward(self, pixels: Tensor) -> Tensor:
        lead = pixels.flatten(1)[:, 0] - 0.5
        return torch.stack([100 + lead, 100 - lead, 0 * lead, 0 * lead], 1)


@pytest.mark.parametrize("name", ["fab", "fab_t"])
@pytest.mark.parametrize("norm", ["linf", "l2", "l1"])
def test_a_walk_does_not_end_on_the_boundary(name: str, norm: str) -> None:
    """A success leads by a millionth of the largest logit; here a twentieth of a step onto the boundary is less."""
    model = Close()
    clean = torch.full((2, 1, 2, 2), 0.5)
    clean[:, 0, 0, 0] += 2e-4
    job = AttackJob(AttackedModel(model, model, model), clean, torch.tensor([0, 0]), (1,), torch.arange(2))
    found = craft(job, settings(name=name, norm=norm, steps=10))
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
