"""Build a model from its description, and read and write the description with its weights."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from typing import Any

import torch
from torch import Tensor, nn

from tasks.errors import MisfitError, Problem
from tasks.models.conditional import make_conditional
from tasks.models.registry import ARCHITECTURES
from tasks.models.settings import ModelSettings
from tasks.without_compiler import replace_compiler


class NormalizedModel(nn.Module):
    """A network behind its normalisation: takes pixels of [0, 1], returns logits."""

    mean: Tensor
    std: Tensor

    def __init__(self, network: nn.Module, mean: float | list[float], std: float | list[float]) -> None:
        super().__init__()
        self.network = network
        self.register_buffer("mean", _shape_per_channel(mean))
        self.register_buffer("std", _shape_per_channel(std))

    def forward(self, pixels: Tensor) -> Tensor:
        """float [N, C, H, W] in [0, 1] -> logits [N, classes]."""
        logits: Tensor = self.network((pixels - self.mean) / self.std)
        return logits


Shapes = dict[str, list[int]]
"""Layer -> shape of its weight."""


def list_weight_shapes(network: nn.Module) -> Shapes:
    """The shape of every weight of a network, by its layer."""
    return {
        name.removesuffix(".weight"): list(weight.shape)
        for name, weight in network.named_parameters()
        if name.endswith(".weight")
    }


def _reshape_layers(layer: nn.Module, shape: list[int]) -> None:
    """Give a layer the weights of another shape, all zero until they are loaded."""
    if isinstance(layer, nn.Conv2d):
        if 1 < layer.groups == layer.in_channels:  # depthwise: a filter goes with its channel
            layer.groups = shape[0]
        layer.out_channels, layer.in_channels = shape[0], shape[1] * layer.groups
    elif isinstance(layer, nn.Linear):
        layer.out_features, layer.in_features = shape
    else:
        assert isinstance(layer, nn.BatchNorm2d), f"no channels are removed from a {type(layer).__name__}"
        layer.num_features = shape[0]
    for name, parameter in layer.named_parameters(recurse=False):
        size = shape if name == "weight" else shape[:1]
        setattr(layer, name, nn.Parameter(torch.zeros(size, dtype=parameter.dtype)))
    for name, buffer in layer.named_buffers(recurse=False):
        setattr(layer, name, torch.zeros(shape[:1] if buffer.ndim else [], dtype=buffer.dtype))


def _shape_per_channel(values: float | list[float]) -> Tensor:
    """A number as it is, one number for each colour as [C, 1, 1]."""
    return torch.tensor(values).view(-1, 1, 1) if isinstance(values, list) else torch.tensor(values)


@dataclass(frozen=True)
class Description:
    """Everything but the weights: enough to build the same model again, as plain JSON."""

    name: str
    stem: str
    channels: int
    classes: int
    mean: float | list[float]
    """One number, or one for each colour."""
    std: float | list[float]
    pruned: dict[str, list[int]] = field(default_factory=dict)
    """Convolution -> positions of its pruned filters, ascending."""
    shapes: Shapes = field(default_factory=dict)
    """Layer -> shape of its weight, where channels were removed."""
    sparse: list[str] = field(default_factory=list)
    """Layers whose single weights were pruned: those that are zero stay zero."""
    conditioned: dict[str, Any] | None = None
    """`lambdas` and `reference` of a network that takes lambda beside the image; null: any other."""

    @classmethod
    def of(cls, settings: ModelSettings, channels: int, classes: int) -> Description:
        """What the settings ask for.

        :raises MisfitError: the normalisation has another number of colours than the images.
        """
        mean, std = (list(part) if isinstance(part, tuple) else part for part in settings.resolve_normalisation())
        for name, values in (("mean", mean), ("std", std)):
            if isinstance(values, list) and len(values) != channels:
                text = f"{len(values)} values, but the images have {channels} channel{'s' if channels > 1 else ''}"
                raise MisfitError(Problem(f"model.{name}", values, text))
        return cls(settings.name, settings.stem, channels, classes, mean, std)

    def get_pixels_per_unit(self, space: str) -> float:
        """How much of a pixel is one unit of a budget in the space `pixel` or `normalized`.

        :raises MisfitError: it differs between the colours.
        """
        if space == "pixel":
            return 1.0
        if isinstance(self.std, list):
            text = "model.std differs between colours, so a budget is not one: choose pixel"
            raise MisfitError(Problem("attack.eps_space", space, text))
        return self.std

    def to_json(self) -> dict[str, Any]:
        found = asdict(self)
        return {name: value for name, value in found.items() if value or name not in ("sparse", "conditioned")}


def build_model(description: Description) -> NormalizedModel:
    """A freshly initialised model; weights are drawn from torch's global generator."""
    return _assemble(description).to(memory_format=torch.channels_last)


def sketch_model(description: Description) -> NormalizedModel:
    """The model on torch's meta device: layers and shapes without a weight, made in no time whatever its size."""
    with replace_compiler(), torch.device("meta"):
        return _assemble(description)


def build_with_weights(description: Description, state: dict[str, Tensor]) -> NormalizedModel:
    """The model with these weights; none are drawn first, which is slow for large layers.

    :param state: name of a parameter or buffer -> tensor of its shape, such as float [filters, channels, 3, 3]; copied.
    :raises RuntimeError: a name is missing or unknown, or a shape is another.
    """
    model = sketch_model(description)
    model.load_state_dict({name: value.clone() for name, value in state.items()}, strict=True, assign=True)
    return model.to(memory_format=torch.channels_last)


def _assemble(description: Description) -> NormalizedModel:
    builder = ARCHITECTURES.load(description.name).load_builder()
    network = builder(description.channels, description.classes, description.stem)
    for name, shape in description.shapes.items():
        _reshape_layers(network.get_submodule(name), shape)
    if description.conditioned:
        make_conditional(network, **description.conditioned)
    return NormalizedModel(network, description.mean, description.std)
