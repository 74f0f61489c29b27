"""Training on interval bounds."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from tasks.certificates.interval_bounds.propagate import bound_margins, make_box, trace_network
from tasks.training.objectives.ibp.settings import IbpSettings
from tasks.training.objectives.step import Batch, Objective, ObjectiveContext, StepOutcome, assess_logits


def build_ibp(settings: IbpSettings, context: ObjectiveContext) -> Objective:
    """Cross-entropy on clean images and on the worst logits of the box.

    :raises StageError: the network has a layer of which no bounds are known.
    """
    trace_network(context.model)  # refused at once, not after the first batch

    def compute_loss(model: nn.Module, batch: Batch, draw: torch.Generator) -> StepOutcome:  # noqa: ARG001
        eps, kappa = settings.find_point(batch.progress)
        logits, margins = bound_margins(trace_network(model), make_box(batch.pixels, eps), batch.labels)
        return mix_losses(logits, margins, batch.labels, kappa)

    return compute_loss


def mix_losses(logits: Tensor, margins: Tensor, labels: Tensor, kappa: float) -> StepOutcome:
    """kappa times the loss on clean images, and 1 - kappa times that on the worst logits.

    :param logits: of the images, float [N, classes].
    :param margins: lower bounds of those of the label over each class, float [N, classes].
    :param labels: int64 [N].
    """
    clean = assess_logits(logits, labels)
    worst = F.cross_entropy(-margins, labels)
    return StepOutcome(kappa * clean.loss + (1 - kappa) * worst, clean.accuracy)
