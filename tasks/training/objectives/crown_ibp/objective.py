"""Training on CROWN-IBP bounds."""

from __future__ import annotations

import torch
from torch import nn

from tasks.certificates.crown_ibp.backward import bound_margins_backward
from tasks.certificates.interval_bounds.propagate import IntervalWalk, make_box, trace_network
from tasks.training.objectives.crown_ibp.settings import CrownIbpTrainingSettings
from tasks.training.objectives.ibp.objective import mix_losses
from tasks.training.objectives.step import Batch, Objective, ObjectiveContext, StepOutcome


def build_crown_ibp(settings: CrownIbpTrainingSettings, context: ObjectiveContext) -> Objective:
    """Cross-entropy on clean images and on the worst logits of the box, as both bounds together have them.

    :raises StageError: the network has a layer of which no bounds are known.
    """
    trace_network(context.model)  # refused at once, not after the first batch

    def compute_loss(model: nn.Module, batch: Batch, draw: torch.Generator) -> StepOutcome:  # noqa: ARG001
        eps, kappa = settings.find_point(batch.progress)
        beta = settings.find_beta(batch.progress)
        start, walk = make_box(batch.pixels, eps), IntervalWalk(trace_network(model))
        logits, margins = walk.bound_margins(start, batch.labels)
        if beta:
            linear = bound_margins_backward(walk, start, batch.labels)
            margins = (1 - beta) * margins + beta * linear
        return mix_losses(logits, margins, batch.labels, kappa)

    return compute_loss
