"""Planted faults show in what a model reveals of itself before any attack."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn

from tasks.attacks.engine.fast_model import freeze_copy
from tasks.evaluation.gradient_check import GradientCheck, check_gradients


class Saturated(nn.Module):
    """A planted fault: logits so large that the softmax has no gradient left."""

    def forward(self, pixels: Tensor) -> Tensor:
        return 1e6 * pixels.flatten(1)[:, :4]


class Shattered(nn.Module):
    """A planted fault: rounding, whose gradient is zero nearly everywhere."""

    def forward(self, pixels: Tensor) -> Tensor:
        return torch.round(pixels * 16).flatten(1)[:, :4]


class Noisy(nn.Module):
    """A planted fault: another answer each time."""

    def forward(self, pixels: Tensor) -> Tensor:
        clean = pixels.flatten(1)[:, :4]
        return clean + 0.1 * torch.randn_like(clean)


class Sound(nn.Module):
    """Nothing wrong with it."""

    def forward(self, pixels: Tensor) -> Tensor:
        return pixels.flatten(1)[:, :4]


class Constant(nn.Module):
    """A planted fault: an answer that no pixel changes, or that no gradient passes."""

    def __init__(self, attached: bool) -> None:
        super().__init__()
        self.level = nn.Parameter(torch.ones(1, 4), requires_grad=attached)

    def forward(self, pixels: Tensor) -> Tensor:
        return self.level.expand(len(pixels), 4)


@pytest.mark.parametrize("attached", [False, True])
def test_an_answer_that_no_pixel_changes_has_a_gradient_of_zero(attached: bool) -> None:
    found = check_gradients(Constant(attached), torch.rand(3, 1, 2, 2), torch.tensor([0, 1, 2]))
    assert found.gradient.shape == (3, 1, 2, 2)
    assert found.count() == {"gradient_images": 3, "zero_gradients": 3, "deterministic": True}


def test_gradients_that_are_zero_or_not_finite_are_none() -> None:
    gradient = torch.tensor([0.0, 1.0, float("nan"), float("inf"), -2.0])[:, None, None, None].repeat(1, 1, 1, 2)
    gradient[:, :, :, 1] = 0
    assert GradientCheck(gradient, True).count() == {"gradient_images": 5, "zero_gradients": 3, "deterministic": True}


@pytest.mark.parametrize(
    ("model", "masked", "deterministic"),
    [(Saturated(), True, True), (Shattered(), True, True), (Noisy(), False, False), (Sound(), False, True)],
    ids=lambda value: type(value).__name__,
)
def test_planted_faults_show_in_the_health_of_a_model(model: nn.Module, masked: bool, deterministic: bool) -> None:
    draw = torch.Generator().manual_seed(0)
    pixels = torch.randint(0, 256, (64, 1, 8, 8), generator=draw, dtype=torch.uint8)
    labels = model(pixels.float() / 255).argmax(1) if deterministic else torch.zeros(64, dtype=torch.int64)
    found = check_gradients(freeze_copy(model), pixels.float() / 255, labels).count()
    assert (found["zero_gradients"] > 0.5 * found["gradient_images"]) is masked
    assert found["deterministic"] is deterministic
