"""Noise and its removal, where what was added is known, and a denoiser that learns."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor

from tasks.generators.denoiser.network import DECAY, add_noise, compute_signal, remove_noise
from tasks.generators.denoiser.settings import DenoiserSettings
from tasks.generators.job import GeneratorJob, build_generator
from tests.support.attack_models import linear_images

PIXELS = torch.rand(5, 1, 4, 4, generator=torch.Generator().manual_seed(0))
NOISE = torch.randn(5, 1, 4, 4, generator=torch.Generator().manual_seed(1))


@pytest.mark.parametrize("steps", [1, 2, 5])
@pytest.mark.parametrize("time", [0.05, 0.6])
def test_whoever_knows_the_noise_gets_the_image_back(time: float, steps: int) -> None:
    def know(noisy: Tensor, signal: Tensor) -> Tensor:
        rest = noisy - signal.sqrt().view(-1, 1, 1, 1) * (2 * PIXELS - 1)
        return rest / (1 - signal).sqrt().view(-1, 1, 1, 1)

    assert remove_noise(know, PIXELS, NOISE, time, steps).allclose(PIXELS, atol=1e-4)


def test_at_the_end_of_the_diffusion_there_is_hardly_any_image() -> None:
    """It fades along a squared cosine."""
    signal = compute_signal(torch.tensor([0.0, 1 / 3, 1.0]))
    assert signal.tolist() == pytest.approx([1.0, 0.75, 1e-3])
    assert add_noise(PIXELS, NOISE, signal[:1]).allclose(2 * PIXELS - 1)
    assert add_noise(PIXELS, NOISE, signal[2:]).allclose(NOISE, atol=0.05)


@pytest.mark.slow
def test_it_learns_to_find_noise() -> None:
    """A constant answer of zero has an error of one."""
    images, history = linear_images(64), list[dict[str, Any]]()
    network = build_generator(DenoiserSettings(epochs=12, width=8, batch_size=16), images.image_shape, 4, 0)
    network.fit(GeneratorJob(images, 0, None, history.append))
    assert history[-1]["train_loss"] < 0.3 < history[0]["train_loss"]


def test_the_weights_are_averaged_over_the_steps() -> None:
    images, steps = linear_images(64), list[Tensor]()
    network = build_generator(DenoiserSettings(epochs=1, width=4, batch_size=16), images.image_shape, 4, 0)
    watched = network.get_parameter("enter.bias")
    watched.register_post_accumulate_grad_hook(lambda weights: steps.append(weights.detach().clone()))
    network.fit(GeneratorJob(images, 0, None, lambda _: steps.append(watched.detach().clone())))
    assert len(steps) == 5, "before each of four steps, and after the last"
    expected = steps[1]  # at which the average begins
    for weights in steps[2:]:
        expected = DECAY * expected + (1 - DECAY) * weights
    assert watched.allclose(expected, atol=1e-7)
    assert not watched.allclose(steps[-1], atol=1e-7)
