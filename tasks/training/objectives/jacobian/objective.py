"""Jacobian regularisation."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from tasks.training.objectives.jacobian.settings import JacobianSettings
from tasks.training.objectives.step import Batch, Objective, StepOutcome, assess_logits


def build_jacobian(settings: JacobianSettings) -> Objective:
    """Cross-entropy and a penalty on the gradients of all logits by the pixels."""

    def compute_loss(model: nn.Module, batch: Batch, draw: torch.Generator) -> StepOutcome:
        pixels = batch.pixels.detach().requires_grad_(True)
        logits = model(pixels)
        squares = compute_squared_norms(logits, pixels, settings.projections, draw)
        penalty = squares.sum().clamp_min(1e-24).sqrt() if settings.penalty == "norm" else squares.mean() / 2
        found = assess_logits(logits, batch.labels)
        return StepOutcome(found.loss + settings.weight * penalty, found.accuracy)

    return compute_loss


def compute_squared_norms(logits: Tensor, pixels: Tensor, projections: int | None, draw: torch.Generator) -> Tensor:
    """The squared Frobenius norm of each image's Jacobian, with a gradient of its own; float [N].

    :param logits: float [N, classes], computed from the pixels.
    :param pixels: float [N, C, H, W].
    :param projections: how many random directions of unit length estimate it; null: every class, exactly.
    """
    count, classes = logits.shape
    if projections is None:
        directions = torch.eye(classes)[:, None].expand(classes, count, classes)
    else:
        drawn = torch.randn(projections, count, classes, generator=draw)
        directions = drawn / drawn.norm(dim=2, keepdim=True) * (classes / projections) ** 0.5
    total = torch.zeros(count, device=logits.device)
    for direction in directions.to(logits.device, logits.dtype):
        (gradient,) = torch.autograd.grad(logits, pixels, direction, create_graph=True)
        total = total + gradient.flatten(1).square().sum(1)
    return total
