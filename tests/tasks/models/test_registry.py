"""Every architecture: its size, and the images that it takes."""

from __future__ import annotations

import pytest
import torch

from tasks.models.build import Description, build_model, sketch_model
from tasks.models.registry import ARCHITECTURES
from tasks.models.settings import ModelSettings
from tasks.models.size import measure_model
from tasks.without_compiler import replace_compiler


def described(name: str, **fields: object) -> Description:
    settings = ModelSettings.model_validate({"name": name, **fields})
    return Description.of(settings, channels=3, classes=10)


@pytest.mark.parametrize(
    ("name", "millions"),
    [
        ("wide_resnet28_10", 36.5),
        ("resnet18", 11.2),
        ("preact_resnet18", 11.2),
        ("resnet50", 23.5),
        ("mobilenet_v2", 2.24),
        ("densenet121", 6.96),
        ("convnext_tiny", 27.8),
        ("vit_tiny", 5.35),
    ],
)
def test_parameters_are_those_of_the_papers(name: str, millions: float) -> None:
    weights = sketch_model(described(name)).parameters()
    assert sum(weight.numel() for weight in weights) == pytest.approx(millions * 1e6, rel=5e-3)


@pytest.mark.slow
@pytest.mark.parametrize("name", sorted(ARCHITECTURES))
def test_every_architecture_takes_small_colour_images(name: str) -> None:
    model = sketch_model(described(name)).eval()
    with replace_compiler(), torch.no_grad():
        assert model(torch.empty(2, 3, 32, 32, device="meta")).shape == (2, 10)


@pytest.mark.parametrize(
    "name", ["mobilenet_v2", "densenet121", pytest.param("convnext_tiny", marks=pytest.mark.slow), "vit_tiny"]
)
def test_the_imagenet_stem_takes_grey_images_of_its_size(name: str) -> None:
    description = Description.of(
        ModelSettings.model_validate({"name": name, "stem": "imagenet"}), channels=1, classes=3
    )
    model = build_model(description).eval()
    with torch.no_grad():
        assert model(torch.rand(1, 1, 64, 64)).shape == (1, 3)
    small = build_model(Description.of(ModelSettings.model_validate({"name": name}), channels=3, classes=3))
    assert measure_model(small, (3, 32, 32))["macs"] > measure_model(model, (1, 32, 32))["macs"]
