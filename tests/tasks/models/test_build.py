"""Normalisation, and models rebuilt from their description."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest
import torch
from torch import nn

from tasks.errors import StageError
from tasks.models import build
from tasks.models.build import Description, build_model, build_with_weights
from tasks.models.settings import ModelSettings


def described(name: str, **fields: object) -> Description:
    settings = ModelSettings.model_validate({"name": name, **fields})
    return Description.of(settings, channels=3, classes=10)


def test_normalisation_is_the_first_layer() -> None:
    model = build_model(described("resnet8", mean=0.25, std=0.5)).eval()
    pixels = torch.rand(2, 3, 16, 16)
    with torch.no_grad():
        assert torch.equal(model(pixels), model.network((pixels - 0.25) / 0.5))


def test_a_model_is_rebuilt_from_json_and_tensors() -> None:
    description = described("resnet18")
    model = build_model(description).eval()
    again = build_with_weights(Description(**json.loads(json.dumps(description.to_json()))), model.state_dict()).eval()
    pixels = torch.rand(2, 3, 32, 32)
    with torch.no_grad():
        assert torch.equal(model(pixels), again(pixels))


def test_numbers_of_colours_are_one_or_as_many_as_the_images_have() -> None:
    coloured = described("resnet8", mean=[0.1, 0.2, 0.3], std=[0.4, 0.5, 0.6])
    model = build_model(coloured).eval()
    assert model.mean.flatten().tolist() == pytest.approx([0.1, 0.2, 0.3])
    assert model.std.shape == (3, 1, 1)
    assert described("resnet8", std=0.25).get_pixels_per_unit("normalized") == 0.25
    assert coloured.get_pixels_per_unit("pixel") == 1.0
    with pytest.raises(StageError, match=r"eps_space = 'normalized': model\.std differs between colours, so a budget"):
        coloured.get_pixels_per_unit("normalized")
    for name in ("mean", "std"):
        with pytest.raises(
            StageError, match=rf"^model\.{name} = \[0\.5, 0\.6\]: 2 values, but the images have 3 channels$"
        ):
            described("resnet8", **{name: [0.5, 0.6]})


def test_what_is_empty_and_came_later_is_not_written() -> None:
    plain = described("resnet8")
    assert plain.to_json().keys() == {"name", "stem", "channels", "classes", "mean", "std", "pruned", "shapes"}
    later = replace(plain, sparse=["layer"], conditioned={"lambdas": [0.0], "reference": 0.0})
    assert later.to_json().keys() - plain.to_json().keys() == {"sparse", "conditioned"}


class Layers(nn.Module):
    """One of each kind of layer from which channels are removed."""

    def __init__(self, channels: int, classes: int, stem: str) -> None:  # noqa: ARG002
        super().__init__()
        self.first = nn.Conv2d(channels, 8, 3)
        self.depthwise = nn.Conv2d(8, 8, 3, groups=8, bias=False)
        self.norm = nn.BatchNorm2d(8)
        self.fc = nn.Linear(8, classes)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """[N, channels, H, W] -> [N, classes]."""
        found: torch.Tensor = self.fc(self.norm(self.depthwise(self.first(x))).mean((2, 3)))
        return found


def test_a_model_without_some_channels_is_rebuilt(monkeypatch: pytest.MonkeyPatch) -> None:
    class Registered:
        """In the place of the registry."""

        @staticmethod
        def load(name: str) -> Any:  # noqa: ARG004
            return type("Found", (), {"load_builder": staticmethod(lambda: Layers)})

    monkeypatch.setattr(build, "ARCHITECTURES", Registered)
    shapes = {"first": [5, 3, 3, 3], "depthwise": [5, 1, 3, 3], "norm": [5], "fc": [4, 5]}
    description = replace(described("resnet8"), classes=4, shapes=shapes)
    network: Any = build_model(description).network
    assert (network.first.in_channels, network.first.out_channels, network.first.groups) == (3, 5, 1)
    assert (network.depthwise.in_channels, network.depthwise.out_channels, network.depthwise.groups) == (5, 5, 5)
    assert (network.norm.num_features, network.fc.in_features, network.fc.out_features) == (5, 5, 4)
    sizes = {name: tuple(value.shape) for name, value in network.state_dict().items()}
    assert sizes == {
        "first.weight": (5, 3, 3, 3), "first.bias": (5,), "depthwise.weight": (5, 1, 3, 3),
        "norm.weight": (5,), "norm.bias": (5,), "norm.running_mean": (5,), "norm.running_var": (5,),
        "norm.num_batches_tracked": (), "fc.weight": (4, 5), "fc.bias": (4,),
    }  # fmt: skip
    assert all(not parameter.any() and parameter.requires_grad for parameter in network.parameters())
    assert network(torch.zeros(2, 3, 6, 6)).shape == (2, 4)


def test_weights_are_copied_and_random_numbers_left_alone() -> None:
    description = described("resnet8")
    state = build_model(description).state_dict()
    before = torch.get_rng_state()
    model = build_with_weights(description, state)
    assert torch.equal(torch.get_rng_state(), before)
    name, value = next(iter(state.items()))
    model.state_dict()[name] += 1
    assert not torch.equal(model.state_dict()[name], value)
    with pytest.raises(RuntimeError, match="Missing key"):
        build_with_weights(description, {name: value})
