"""The gradient of a loss by weights, of a model that stands still."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor, nn
from typing_extensions import Self

from tasks.data.images import Images, convert_to_float
from tasks.training.objectives.step import Batch, Objective

IMAGES, BATCH = 512, 64
"""Training images of which the gradient is the mean, and how many of them are computed at once."""


class _SteadyModel(nn.Module):
    """A model that stays in evaluation mode, whatever an objective asks of it.

    In training mode batch norm takes away what a filter is multiplied by, and a step to zero seems to cost nothing.
    """

    def __init__(self, model: nn.Module) -> None:
        super().__init__()
        self.model = model.eval()

    def train(self, mode: bool = True) -> Self:  # noqa: ARG002
        return self

    def forward(self, pixels: Tensor) -> Tensor:
        found: Tensor = self.model(pixels)
        return found


def measure_gradients(
    model: nn.Module, weights: Mapping[str, nn.Parameter], images: Images, objective: Objective, draw: torch.Generator
) -> dict[str, Tensor]:
    """The mean gradient of a loss over up to 512 training images, not augmented, in evaluation mode.

    :param weights: layer -> its weight, float [filters, ...].
    :param draw: chooses the images, and is given to the objective.
    :returns: layer -> float of the shape of its weight; zero where the loss does not depend on it.
    """
    steady, total = _SteadyModel(model), {name: torch.zeros_like(weight) for name, weight in weights.items()}
    places = torch.randperm(len(images), generator=draw)[:IMAGES]
    for index, stored in images.read_batches(places.split(BATCH)):
        batch = Batch(convert_to_float(stored), images.labels[index], index)
        with torch.enable_grad():
            loss = objective(steady, batch, draw).loss
        found = torch.autograd.grad(loss, [*weights.values()], allow_unused=True)
        for name, gradient in zip(weights, found, strict=True):
            if gradient is not None:
                total[name] += gradient * (len(index) / len(places))
    return total
