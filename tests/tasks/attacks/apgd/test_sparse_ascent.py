"""Auto-PGD in L1 takes every step of the paper."""

from __future__ import annotations

import pytest
import torch
from torch.nn import functional as F

from tasks.attacks.apgd.sparse_ascent import run_sparse_ascent
from tasks.attacks.engine.losses import compute_cross_entropy
from tasks.attacks.engine.norms import NORMS
from tasks.seeds import make_generator
from tests.support.attack_models import HALF, craft, job_of, network, network_images, settings
from tests.support.reference_attacks import run_sparse_apgd

pytestmark = pytest.mark.slow

COUNT, STEPS = 10, 60


@pytest.mark.parametrize("eps", [HALF["l1"], 2 * HALF["l1"]])
def test_every_step_is_that_of_the_paper(eps: float) -> None:
    model = network()
    job = job_of(model, network_images(model, COUNT), (STEPS,))
    found = run_sparse_ascent(job, eps, STEPS, compute_cross_entropy, job.labels, "run")
    same = 0
    for place, label in enumerate(job.labels.tolist()):
        one = slice(place, place + 1)
        noise = torch.randn(job.clean.shape[1:], generator=make_generator(0, "start", "run", place))[None]
        expected = run_sparse_apgd(
            job.model.judge, job.clean[one], label, lambda logits, one=one: F.cross_entropy(logits, job.labels[one]),  # type: ignore[misc]
            noise, eps=eps, steps=STEPS,
        )  # fmt: skip
        same += torch.allclose(found[one], expected, rtol=0, atol=1e-4)
    assert same >= COUNT - 1, "a gradient at the threshold may fall on either side of it"
    assert 0 < int(job.is_adversarial(found).sum()) < COUNT or eps > HALF["l1"]


def test_it_finds_more_than_descent_in_the_ball_alone() -> None:
    model = network(1)
    job = job_of(model, network_images(model, 40), (50,))
    found, other = (
        craft(job, settings(name=name, norm="l1", eps=HALF["l1"], steps=50)) for name in ("apgd_ce", "sparse_l1")
    )
    assert (NORMS["l1"].size(found - job.clean) <= HALF["l1"] * (1 + 1e-5)).all()
    assert int(job.is_adversarial(found).sum()) > int(job.is_adversarial(other).sum())
