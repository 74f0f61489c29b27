"""Whether a network can be pruned is found out without its weights."""

from __future__ import annotations

from typing import Any

import pytest
import torch

from tasks.errors import StageError
from tasks.models.build import Description, NormalizedModel, build_model
from tasks.models.settings import ModelSettings
from tasks.pruning.check import check_prunable
from tasks.pruning.settings import PruneSettings


@pytest.fixture
def model() -> NormalizedModel:
    """A residual network without weights."""
    with torch.device("meta"):
        return build_model(Description.of(ModelSettings(name="resnet8"), channels=3, classes=10))


def check(model: NormalizedModel, **section: Any) -> None:
    check_prunable(model, PruneSettings.model_validate({"ratio": 0.5, **section}), (3, 32, 32))


@pytest.mark.parametrize(
    "section",
    [
        {"importance": name, "unit": unit, "within": within}
        for name in ("l1", "l2", "random", "taylor", "hydra")
        for unit, within in (("filters", "layer"), ("filters", "network"), ("weights", "network"))
    ]
    + [{"importance": "bn_scale"}, {"importance": "harp", "within": "network"}, {"mode": "remove"}],
)
def test_what_fits_is_let_pass(model: NormalizedModel, section: dict[str, Any]) -> None:
    check(model, **section)


def test_channels_that_belong_together_can_only_be_removed_together(model: NormalizedModel) -> None:
    check(model, scope="layer1", mode="mask")
    with pytest.raises(StageError, match=r"layer1\.conv2 shares its channels with conv1, which is outside"):
        check(model, scope="layer1", mode="remove")


def test_a_scope_without_anything_to_prune_is_named(model: NormalizedModel) -> None:
    with pytest.raises(StageError, match=r"prune\.scope = 'layer9'"):
        check(model, scope="layer9")
    with pytest.raises(StageError, match=r"scope = 'fc': no convolution there"):
        check(model, scope="fc")
    check(model, scope="fc", unit="weights")
