"""Training under noise."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from tasks.training.objectives.noise.settings import NoiseTrainingSettings
from tasks.training.objectives.step import Batch, Objective, StepOutcome, assess_logits
from tasks.transfer import send


def build_noise(settings: NoiseTrainingSettings) -> Objective:
    """Cross-entropy on noisy images."""

    def compute_loss(model: nn.Module, batch: Batch, draw: torch.Generator) -> StepOutcome:
        return assess_logits(model(batch.pixels + draw_noise(batch.pixels, settings.sigma, draw)), batch.labels)

    return compute_loss


def draw_noise(pixels: Tensor, sigma: float, draw: torch.Generator) -> Tensor:
    """Gaussian noise of the shape and on the device of the images, float [N, C, H, W]."""
    return sigma * send(torch.randn(pixels.shape, generator=draw), pixels.device)
