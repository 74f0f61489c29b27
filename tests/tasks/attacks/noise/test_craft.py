"""Noise: draws until one fools the model, and nothing else."""

from __future__ import annotations

import torch

from tasks.attacks.engine.norms import measure_sizes
from tests.support.attack_models import Linear, craft, job_of, linear_images, settings


def test_the_first_draw_that_fools_the_model_is_kept() -> None:
    model, images = Linear(), linear_images(40)
    job = job_of(model, images, (1,))
    few, many = (craft(job, settings(name="uniform", eps=0.2, draws=draws)) for draws in (2, 12))
    done, more = job.is_adversarial(few), job.is_adversarial(many)
    assert 0 < int(done.sum()) < int(more.sum()) < 40
    assert torch.equal(many[done], few[done])
    assert many[~done].ne(few[~done]).flatten(1).any(1).all(), "each draw is another"


def test_noise_fills_the_ball_of_its_norm() -> None:
    job = job_of(Linear(), linear_images(40), (1,))
    for norm, eps in (("linf", 0.1), ("l2", 0.1), ("l1", 0.1)):
        sizes = measure_sizes(craft(job, settings(name="uniform", norm=norm, eps=eps)) - job.clean)[norm]
        assert 0.9 * eps < sizes.max() <= eps * (1 + 1e-4)
