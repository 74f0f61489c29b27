"""FAB takes every step of the paper toward each class."""

from __future__ import annotations

import pytest
import torch

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
            run_fab(job.model.judge, job.clean[one], label, target, norm=norm, steps=STEPS) - job.clean[one]
            for target in likeliest[place].tolist()
        ]
        sizes = [measure(walk, norm) or torch.inf for walk in walks]
        better_later += sizes[1] < sizes[0]
        assert measure(found[one] - job.clean[one], norm) == pytest.approx(min(sizes), rel=1e-3)
    assert better_later < COUNT
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
