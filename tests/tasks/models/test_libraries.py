"""Architectures of timm and torchvision by name."""

from __future__ import annotations

import sys
from types import ModuleType
from typing import Any

import pytest
import torch
from pydantic import ValidationError
from torch import nn

from tasks.errors import StageError
from tasks.models.build import Description, build_model
from tasks.models.libraries import describe_library_problem
from tasks.models.settings import ModelSettings


@pytest.fixture
def timm(monkeypatch: pytest.MonkeyPatch) -> None:
    """A stand-in for the library: its two functions that are used."""

    def create_model(name: str, *, pretrained: bool, num_classes: int, in_chans: int) -> nn.Module:
        assert (name, pretrained) == ("tiny_test", False)
        return nn.Sequential(
            nn.Conv2d(in_chans, 4, 3), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(4, num_classes)
        )

    found: Any = ModuleType("timm")
    found.create_model, found.list_models = create_model, lambda: ["tiny_test", "tiny_vit"]
    monkeypatch.setitem(sys.modules, "timm", found)
    describe_library_problem.cache_clear()


@pytest.fixture(autouse=True)
def forget() -> Any:
    """What is known of a library is asked anew."""
    yield
    describe_library_problem.cache_clear()


@pytest.mark.usefixtures("timm")
def test_a_model_of_timm_is_built_for_the_images_and_classes() -> None:
    settings = ModelSettings.model_validate({"name": "timm:tiny_test"})
    model = build_model(Description.of(settings.simplify(), 1, 5))
    assert model(torch.rand(2, 1, 8, 8)).shape == (2, 5)
    with pytest.raises(ValidationError, match="no classification model 'tiny_tset'; did you mean 'timm:tiny_test'"):
        ModelSettings.model_validate({"name": "timm:tiny_tset"})


def test_a_library_that_is_missing_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "timm", None)
    describe_library_problem.cache_clear()
    with pytest.raises(ValidationError, match=r"timm cannot be imported.*pip install 'advsweep\[models\]'"):
        ModelSettings.model_validate({"name": "timm:resnet10t"})


def test_a_model_of_torchvision_takes_colour_images() -> None:
    settings = ModelSettings.model_validate({"name": "torchvision:mobilenet_v3_small"})
    model = build_model(Description.of(settings.simplify(), 3, 7)).eval()
    with torch.no_grad():
        assert model(torch.rand(2, 3, 32, 32)).shape == (2, 7)
    with pytest.raises(StageError, match=r"dataset\.channels = 3"):
        build_model(Description.of(settings, 1, 7))
    for name, near in (("torchvision:mobilenet_v9", "mobilenet"), ("torchvision:fcn_resnet50", "")):
        with pytest.raises(ValidationError, match=f"torchvision has no classification model.*{near}"):
            ModelSettings.model_validate({"name": name})
    ready = ModelSettings.model_validate({"name": "torchvision:mobilenet_v2", "weights": "imagenet"})
    assert ready.resolve_normalisation()[0] == (0.485, 0.456, 0.406)
