"""Diff-PGD where the denoiser leaves an image nearly as it is, so that its steps are those of I-FGSM."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from tasks.attacks.diff_pgd.craft import draw_noise
from tasks.data.images import convert_to_float
from tests.support.attack_models import Linear, count_passes, craft, job_of, linear_images, settings

WITNESS = {"seed": 3, "model": {"name": "resnet8"}}
FAINT = 1e-4
"""A time at which there is hardly any noise."""


class NoNoise(nn.Module):
    """It finds no noise anywhere, and counts how many images it was asked about."""

    def __init__(self) -> None:
        super().__init__()
        self.asked = 0

    def forward(self, noisy: Tensor, signal: Tensor) -> Tensor:  # noqa: ARG002
        self.asked += len(noisy)
        return torch.zeros_like(noisy)


@pytest.mark.parametrize("share", [0.98, 1.02])
def test_success_within_the_ball_is_exact(share: float) -> None:
    model, images = Linear(), linear_images()
    eps = float(model.distances(convert_to_float(images.pixels), "linf").median()) * share
    job = replace(job_of(model, images, (20,)), generator=NoNoise())
    found = craft(job, settings(name="diff_pgd", eps=eps, noise_time=FAINT))
    near = (model.distances(job.clean, "linf") - eps).abs() < 0.01 * eps
    assert torch.equal(job.is_adversarial(found)[~near], (model.distances(job.clean, "linf") < eps)[~near])
    assert float((found - job.clean).abs().max()) <= eps + 1e-6


class Brighter(nn.Module):
    """It takes a fixed amount of light for noise, whatever the image."""

    def forward(self, noisy: Tensor, signal: Tensor) -> Tensor:  # noqa: ARG002
        return torch.full_like(noisy, 2.0)


def test_what_the_denoiser_makes_of_an_image_is_brought_back_into_the_ball() -> None:
    """It moves every pixel much further than the budget, by itself."""
    model, images, eps = Linear(), linear_images(), 0.01
    job = replace(job_of(model, images, (3,)), generator=Brighter())
    found = craft(job, settings(name="diff_pgd", eps=eps, steps=3, noise_time=0.2))
    moved = (found - job.clean).abs()
    assert float(moved.max()) <= eps + 1e-6
    assert float(moved.median()) == pytest.approx(eps, rel=1e-3)
    halved = craft(replace(job, scale=0.5), settings(name="diff_pgd", eps=eps, steps=3, noise_time=0.2))
    assert float((halved - job.clean).abs().max()) == pytest.approx(eps / 2, rel=1e-3), "a unit is half a pixel's range"


def test_without_a_ball_every_image_is_fooled_in_as_many_steps_as_its_distance_takes() -> None:
    model, images, step = Linear(), linear_images(), 0.01
    denoiser = NoNoise()
    job = replace(job_of(model, images, (60,)), generator=denoiser)
    cell = settings(
        name="diff_pgd_unrestricted", step_size=step, steps=60, noise_time=FAINT, denoising_steps=3, witness=WITNESS
    )
    found = craft(job, cell)
    assert job.is_adversarial(found).all()
    distance = model.distances(job.clean, "linf")
    moved = (found - job.clean).abs().flatten(1).amax(1)
    assert (moved > distance - 2 * FAINT).all()
    assert (moved < distance + step + 5 * FAINT).all()
    walked = (distance / step).ceil().sum() + len(images)
    assert denoiser.asked == pytest.approx(3 * float(walked), rel=0.05)


def test_images_get_what_they_get_alone() -> None:
    """Their noise is their own."""
    model, images = Linear(), linear_images()
    job = replace(job_of(model, images, (5,)), generator=NoNoise(), seed=4)
    cell = settings(name="diff_pgd", eps=0.02, steps=5, noise_time=0.3)
    together = craft(job, cell)
    parts = [craft(job.select(places), cell) for places in torch.arange(len(images)).chunk(4)]
    assert torch.cat(parts).allclose(together, atol=1e-6)
    noise = draw_noise(job)
    assert len(noise.flatten(1).unique(dim=0)) == len(images)
    assert not torch.equal(noise, draw_noise(replace(job, seed=5)))


@pytest.mark.parametrize(
    ("raw", "said"),
    [
        ({"name": "diff_pgd_unrestricted"}, "needs a `witness`"),
        ({"name": "diff_pgd_unrestricted", "eps": 0.1, "witness": WITNESS}, "no ball: leave `eps` out"),
        ({"name": "diff_pgd", "eps": 0.1, "witness": WITNESS}, "leave it out"),
        ({"name": "diff_pgd", "eps": 0.1, "generator": {"name": "advgan"}}, "takes a generator of noise"),
        ({"name": "advgan", "eps": 0.1, "eps_space": "normalized"}, "write generator.eps"),
    ],
)
def test_what_does_not_fit_is_refused(raw: dict[str, Any], said: str) -> None:
    with pytest.raises(ValueError, match=said):
        settings(**raw)


def test_the_estimate_counts_the_passes_of_both_networks() -> None:
    denoiser = NoNoise()
    counted, asked = count_passes(job_of(Linear(), linear_images(), (6,)))
    cell = settings(name="diff_pgd", eps=1e-4, steps=6, denoising_steps=2)
    craft(replace(counted, generator=denoiser), cell)
    passes = (asked["forward"] + 2 * asked["backward"] + 3 * denoiser.asked) / len(linear_images())
    assert passes / 2 <= cell.method.expected_passes <= 2 * passes
