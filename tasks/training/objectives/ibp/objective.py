"""Training on interval bounds."""

from __future__ import annotations

import torch
from torch import nn
from torch.nn import functional as F

from tasks.certificates.interval_bounds.propagate import Bounds, bound_margins, trace_network
from tasks.training.objectives.ibp.settings import IbpSettings
from tasks.training.objectives.step import Batch, Objective, ObjectiveContext, StepOutcome, assess_logits


def build_ibp(settings: IbpSettings, context: ObjectiveContext) -> Objective:
    """Cross-entropy on clean images and on the worst logits of the box.

    :raises StageError: the network has a layer of which no bounds are known.
    """
    trace_network(context.model)  # refused at once, not after the first batch

    def compute_loss(model: nn.Module, batch: Batch, draw: torch.Generator) -> StepOutcome:  # noqa: ARG001
        eps, kappa = settings.find_point(batch.progress)
        pixels = batch.pixels
        start = Bounds(pixels, (pixels - eps).clamp(0, 1), (pixels + eps).clamp(0, 1))
        logits, margins = bound_margins(trace_network(model), start, batch.labels)
        clean = assess_logits(logits, batch.labels)
        worst = F.cross_entropy(-margins, batch.labels)
        return StepOutcome(kappa * clean.loss + (1 - kappa) * worst, clean.accuracy)

    return compute_loss
