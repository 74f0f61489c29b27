"""SmoothAdv."""

from __future__ import annotations

import math
from dataclasses import replace

import torch
from torch import Tensor, nn

from tasks.training.examples import craft_own_examples, measure_reached
from tasks.training.objectives.noise.objective import draw_noise
from tasks.training.objectives.smooth_adv.settings import SmoothAdvSettings
from tasks.training.objectives.step import Batch, Objective, StepOutcome, assess_logits


class SmoothedModel(nn.Module):
    """Pixels float [N, C, H, W] -> log of the mean probabilities [N, classes] over fixed draws of noise."""

    def __init__(self, model: nn.Module, noise: Tensor) -> None:
        """:param noise: float [samples, N, C, H, W]."""
        super().__init__()
        self.model, self._noise = model, noise

    def forward(self, pixels: Tensor) -> Tensor:
        """Float [N, C, H, W], in the order of their noise -> float [N, classes]."""
        logits = self.model((pixels + self._noise).flatten(0, 1))
        shares = logits.view(len(self._noise), len(pixels), -1).log_softmax(2)
        mean: Tensor = shares.logsumexp(0) - math.log(len(self._noise))
        return mean


def build_smooth_adv(settings: SmoothAdvSettings) -> Objective:
    """Cross-entropy on noisy examples, made against the smoothed model under the same noise."""

    def compute_loss(model: nn.Module, batch: Batch, draw: torch.Generator) -> StepOutcome:
        pixels, labels = batch.pixels, batch.labels
        noise = torch.stack([draw_noise(pixels, settings.sigma, draw) for _ in range(settings.samples)])
        examples = pixels
        if settings.attack.eps:
            examples = craft_own_examples(SmoothedModel(model, noise), pixels, labels, settings.attack, draw)
        found = assess_logits(model((examples + noise).flatten(0, 1)), labels.repeat(settings.samples))
        return replace(found, eps_reached=measure_reached(pixels, examples, settings.attack))

    return compute_loss
