"""Adversarial weight perturbation."""

from __future__ import annotations

from collections.abc import Mapping
from typing import cast

import torch
from torch import Tensor, nn
from torch.func import functional_call

from tasks.training.objectives.awp.settings import AwpSettings
from tasks.training.objectives.step import Batch, ExampleObjective, Objective, StepOutcome, split_objective

LEAST = 1e-20
"""A gradient below this length gives no direction."""


class SubstitutedModel(nn.Module):
    """A model with other tensors in the place of some of its own; nothing of it is changed but its mode and buffers."""

    def __init__(self, model: nn.Module, tensors: Mapping[str, Tensor]) -> None:
        super().__init__()
        self.model = model
        self._tensors = dict(tensors)

    def forward(self, pixels: Tensor) -> Tensor:
        """As the model: float [N, C, H, W] -> logits [N, classes]."""
        return cast(Tensor, functional_call(self.model, self._tensors, (pixels,)))


def perturb_weights(objective: Objective, settings: AwpSettings) -> ExampleObjective:
    """The objective with its loss at perturbed weights, on examples made with the weights as they are.

    The gradient of this loss is that at the perturbed weights, and the step is taken from those that are not.
    """
    steps = split_objective(objective)

    def compute_loss(model: nn.Module, batch: Batch, draw: torch.Generator) -> StepOutcome:
        numbers = draw.get_state()
        moved = _find_worse_weights(steps.compute_loss, model, batch, draw, settings.gamma)
        draw.set_state(numbers)
        return steps.compute_loss(SubstitutedModel(model, moved), batch, draw)

    return ExampleObjective(steps.craft, compute_loss)


def _find_worse_weights(
    loss: Objective, model: nn.Module, batch: Batch, draw: torch.Generator, gamma: float
) -> dict[str, Tensor]:
    """The weights of all layers, each moved along its gradient; what is zero, as where it is pruned, stays zero."""
    weights = {name: weight for name, weight in model.named_parameters() if weight.ndim > 1}
    buffers = {name: value.clone() for name, value in model.named_buffers()}  # statistics are for the real step alone
    found = loss(SubstitutedModel(model, buffers), batch, draw).loss
    gradients = torch.autograd.grad(found, [*weights.values()], allow_unused=True)
    moved = {}
    for (name, weight), gradient in zip(weights.items(), gradients, strict=True):
        if gradient is not None:
            fixed = weight.detach()
            rise = gradient.masked_fill(fixed == 0, 0)
            moved[name] = weight + rise * (gamma * fixed.norm() / (rise.norm() + LEAST))
    return moved
