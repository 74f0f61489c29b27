"""Standard training."""

from __future__ import annotations

import torch
from torch import nn

from tasks.training.objectives.standard.settings import StandardSettings
from tasks.training.objectives.step import Batch, Objective, ObjectiveContext, StepOutcome, assess_logits


def build_standard(settings: StandardSettings, context: ObjectiveContext) -> Objective:  # noqa: ARG001
    """Cross-entropy on the images as they are."""
    return compute_standard_loss


def compute_standard_loss(model: nn.Module, batch: Batch, draw: torch.Generator) -> StepOutcome:  # noqa: ARG001
    """Mean cross-entropy and accuracy of a batch as it is."""
    return assess_logits(model(batch.pixels), batch.labels)
