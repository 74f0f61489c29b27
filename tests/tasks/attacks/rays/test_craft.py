"""RayS flips the blocks of the paper and ends at the same radius."""

from __future__ import annotations

import torch

from tests.support.attack_models import craft, job_of, network, network_images, settings
from tests.support.reference_attacks import run_rays

COUNT, DIRECTIONS = 5, 20


def test_every_direction_of_the_paper_is_tried() -> None:
    model = network()
    job = job_of(model, network_images(model, COUNT), (1,))
    found = craft(job, settings(name="rays", steps=DIRECTIONS))
    few = craft(job, settings(name="rays", steps=3))
    for place, label in enumerate(job.labels.tolist()):
        one = slice(place, place + 1)
        expected = run_rays(job.model.judge, job.clean[one], label, DIRECTIONS)
        torch.testing.assert_close(found[one], expected, rtol=0, atol=1e-6)
    sizes = [(each - job.clean).flatten(1).abs().amax(1) for each in (found, few)]
    assert (sizes[0] < sizes[1]).any()
    assert job.is_adversarial(found).all()
