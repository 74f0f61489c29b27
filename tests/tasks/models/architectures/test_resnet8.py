"""The small residual network."""

from __future__ import annotations

import pytest

from tasks.models.build import Description, build_model
from tasks.models.settings import ModelSettings


def test_resnet8_has_about_twenty_thousand_parameters() -> None:
    model = build_model(Description.of(ModelSettings(name="resnet8"), channels=1, classes=10))
    assert sum(weight.numel() for weight in model.parameters()) == pytest.approx(20_000, rel=0.03)
