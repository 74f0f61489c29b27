"""Input gradient regularisation."""

from __future__ import annotations

import torch
from torch import nn
from torch.nn import functional as F

from tasks.training.objectives.input_gradient.settings import InputGradientSettings
from tasks.training.objectives.step import Batch, Objective, StepOutcome, assess_logits


def build_input_gradient(settings: InputGradientSettings) -> Objective:
    """Cross-entropy and a penalty on its gradient by the pixels."""

    def compute_loss(model: nn.Module, batch: Batch, draw: torch.Generator) -> StepOutcome:  # noqa: ARG001
        pixels = batch.pixels.detach().requires_grad_(True)
        logits = model(pixels)
        summed = F.cross_entropy(logits, batch.labels, reduction="sum")
        (gradient,) = torch.autograd.grad(summed, pixels, create_graph=True)
        penalty = gradient.square().flatten(1).sum(1).mean()
        found = assess_logits(logits, batch.labels)
        return StepOutcome(found.loss + settings.weight * penalty, found.accuracy)

    return compute_loss
