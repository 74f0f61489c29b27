"""Build a model from its description, and read and write the description with its weights."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from typing import Any

import torch
from torch import Tensor, nn

from tasks.models.registry import builder
from tasks.models.settings import ModelSettings


class Normalized(nn.Module):
    """A network behind its normalisation: takes pixels of [0, 1], returns logits."""

    mean: Tensor
    std: Tensor

    def __init__(self, network: nn.Module, mean: float, std: float) -> None:
        super().__init__()
        self.network = network
        self.register_buffer("mean", torch.tensor(mean))
        self.register_buffer("std", torch.tensor(std))

    def forward(self, pixels: Tensor) -> Tensor:
        """float [N, C, H, W] in [0, 1] -> logits [N, classes]."""
        logits: Tensor = self.network((pixels - self.mean) / self.std)
        return logits


@dataclass(frozen=True)
class Description:
    """Everything but the weights: enough to build the same model again, as plain JSON."""

    name: str
    stem: str
    channels: int
    classes: int
    mean: float
    std: float
    pruned: dict[str, list[int]] = field(default_factory=dict)
    """Convolution -> positions of its pruned filters, ascending."""

    @classmethod
    def of(cls, settings: ModelSettings, channels: int, classes: int) -> Description:
        return cls(settings.name, settings.stem, channels, classes, settings.mean, settings.std)

    def to_json(self) -> dict[str, Any]:
        return asdict(self)


def build(description: Description) -> Normalized:
    """A freshly initialised model; weights are drawn from torch's global generator."""
    network = builder(description.name)(description.channels, description.classes, description.stem)
    model = Normalized(network, description.mean, description.std)
    return model.to(memory_format=torch.channels_last)


def build_with_weights(description: Description, state: dict[str, Tensor]) -> Normalized:
    """The model with these weights, which must fit exactly."""
    model = build(description)
    model.load_state_dict(state, strict=True)
    return model
