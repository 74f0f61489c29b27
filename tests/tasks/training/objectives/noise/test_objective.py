"""Training under noise, on a linear model whose loss is written out."""

from __future__ import annotations

import pytest
import torch

from tasks.training.objectives.noise.objective import build_noise
from tasks.training.objectives.noise.settings import NoiseTrainingSettings
from tests.support.formulas import flatten, make_images, make_softmax
from tests.support.training import make_draw


def test_the_loss_is_taken_on_noisy_images_beyond_the_range_of_pixels() -> None:
    (model, formula), batch = make_softmax(), make_images()
    noisy = flatten(batch.pixels) + 0.5 * flatten(torch.randn(batch.pixels.shape, generator=make_draw()))
    assert (noisy < 0).any()
    found = build_noise(NoiseTrainingSettings(sigma=0.5))(model, batch, make_draw())
    assert found.loss.item() == pytest.approx(formula.losses(noisy, batch.labels.numpy()).mean())


def test_without_noise_it_is_standard_training() -> None:
    assert NoiseTrainingSettings(sigma=0).simplify().name == "standard"
