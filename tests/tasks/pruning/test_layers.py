"""Which layers are pruned, what an importance knows of one, and what is said where there is none."""

from __future__ import annotations

import re
from collections import OrderedDict

import pytest
import torch
from torch import Tensor, nn

from tasks.errors import StageError
from tasks.pruning.layers import Evidence, Layer, find_layers, score_layer, split_units
from tasks.pruning.registry import Unit
from tasks.pruning.settings import PruneSettings


def make_network() -> nn.Module:
    """Two blocks whose names begin alike, and a classifier."""
    block = [("conv", nn.Conv2d(1, 2, 3)), ("norm", nn.BatchNorm2d(2))]
    return nn.Sequential(
        OrderedDict[str, nn.Module](
            [
                ("layer1", nn.Sequential(OrderedDict(block))),
                ("layer10", nn.Conv2d(2, 3, 1)),
                ("fc", nn.Linear(3, 4)),
            ]
        )
    )


@pytest.mark.parametrize(
    ("scope", "unit", "names"),
    [
        ("all", "filters", ["layer1.conv", "layer10"]),
        ("all", "weights", ["layer1.conv", "layer10", "fc"]),
        ("layer1", "filters", ["layer1.conv"]),
        ("layer1.conv", "filters", ["layer1.conv"]),
        ("fc", "weights", ["fc"]),
    ],
)
def test_a_scope_is_a_part_and_what_is_below_it(scope: str, unit: Unit, names: list[str]) -> None:
    assert list(find_layers(make_network(), scope, unit)) == names


@pytest.mark.parametrize(
    ("network", "scope", "unit", "message"),
    [
        (
            make_network(),
            "layer",
            "filters",
            "prune.scope = 'layer': the model has no module of that name; choose from all, layer1, layer10",
        ),
        (
            make_network(),
            "fc",
            "filters",
            "prune.scope = 'fc': no convolution there, but 1 Linear; choose from all, layer1, layer10",
        ),
        (
            make_network(),
            "layer1.norm",
            "weights",
            "prune.scope = 'layer1.norm': no convolution or linear layer there, but 1 BatchNorm2d; "
            "choose from all, layer1, layer10, fc",
        ),
        (
            nn.Sequential(nn.Linear(2, 3), nn.LayerNorm(3), nn.Linear(3, 2)),
            "all",
            "filters",
            "prune.unit = 'filters': no convolution in the whole model, which has 1 LayerNorm, 2 Linear; "
            "unit: weights prunes linear layers as well",
        ),
        (
            nn.Sequential(nn.LayerNorm(3)),
            "all",
            "filters",
            "prune.unit = 'filters': no convolution in the whole model, which has 1 LayerNorm",
        ),
        (
            nn.Sequential(nn.Flatten()),
            "all",
            "weights",
            "prune.unit = 'weights': no convolution or linear layer in the whole model, which has no parameters at all",
        ),
    ],
)
def test_where_there_is_none_it_is_said_what_is_there(network: nn.Module, scope: str, unit: Unit, message: str) -> None:
    with pytest.raises(StageError, match=f"^{re.escape(message)}$"):
        find_layers(network, scope, unit)


def test_gradients_are_taken_once_and_learned_scores_are_those_of_the_layer() -> None:
    calls: list[int] = []

    def compute() -> dict[str, Tensor]:
        calls.append(1)
        return {"one": torch.arange(12.0).view(2, 3, 2), "other": torch.zeros(1)}

    evidence = Evidence(compute, {"one": torch.arange(6.0).view(2, 3)})
    assert not calls, "before anybody asks"
    filters, single = (Layer("one", unit, None, evidence) for unit in ("filters", "weights"))
    assert filters.gradient.shape == (2, 3, 2)
    assert single.gradient.flatten().tolist() == list(range(12))
    assert single.gradient.shape == (12, 1)
    assert filters.learned.tolist() == [0, 1, 2, 3, 4, 5]
    assert calls == [1]
    assert Evidence().gradients == {}


def test_scores_are_those_of_filters_or_of_single_weights() -> None:
    weight = torch.tensor([[[1.0, -2.0]], [[0.0, 0.5]]])
    layer = Layer("one", "filters", None, Evidence(lambda: {"one": torch.tensor([[[2.0, 1.0]], [[3.0, 4.0]]])}))
    draw = torch.Generator()

    def score(importance: str, unit: str) -> list[float]:
        settings = PruneSettings.model_validate({"ratio": 0.5, "importance": importance, "unit": unit})
        asked = Layer("one", settings.unit, None, layer.evidence)
        found = score_layer(weight, settings, draw, asked)
        assert found.shape == (weight.shape if unit == "weights" else (2,))
        return [float(value) for value in found.flatten()]

    assert score("l1", "filters") == [3.0, 0.5]
    assert score("l1", "weights") == [1.0, 2.0, 0.0, 0.5]
    one, two = score("taylor", "filters")
    assert one == pytest.approx(0.0), "1 * 2 - 2 * 1"
    assert two > one
    assert split_units(weight, "weights").shape == (4, 1)
    assert split_units(weight, "filters") is weight
