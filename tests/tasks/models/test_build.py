"""Normalisation, and models rebuilt from their description."""

from __future__ import annotations

import json

import torch

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
