"""Properties of pruning: how much, which, and for how long."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn

from tasks.errors import StageError
from tasks.models.build import Description, NormalizedModel, build_model
from tasks.models.settings import ModelSettings
from tasks.pruning.filters import Mask, choose_filters, find_batch_norms, merge_pruned
from tasks.pruning.settings import PruneSettings


@pytest.fixture
def model() -> NormalizedModel:
    torch.manual_seed(0)
    return build_model(Description.of(ModelSettings(name="resnet8"), channels=1, classes=10)).eval()


def asked(ratio: float, **fields: object) -> PruneSettings:
    return PruneSettings.model_validate({"ratio": ratio, **fields})


def draw() -> torch.Generator:
    return torch.Generator().manual_seed(0)


def filters(network: nn.Module, convolution: str) -> nn.Parameter:
    return network.get_parameter(f"{convolution}.weight")


@pytest.mark.parametrize("ratio", [0.125, 0.5, 0.75])
def test_the_exact_share_of_every_convolution_goes(model: NormalizedModel, ratio: float) -> None:
    chosen = choose_filters(model, asked(ratio), draw())
    sizes = {n: m.out_channels for n, m in model.network.named_modules() if isinstance(m, nn.Conv2d)}
    assert {name: len(places) for name, places in chosen.items()} == {n: round(ratio * s) for n, s in sizes.items()}


@pytest.mark.parametrize("importance", ["l1", "l2", "random"])
def test_a_larger_ratio_prunes_what_a_smaller_one_prunes_and_more(model: NormalizedModel, importance: str) -> None:
    few, many = (choose_filters(model, asked(ratio, importance=importance), draw()) for ratio in (0.25, 0.5))
    assert all(set(few[name]) < set(many[name]) for name in few)


def test_the_smallest_filters_go_first(model: NormalizedModel) -> None:
    with torch.no_grad():
        filters(model.network, "layer3.conv1")[[3, 7, 11, 30]] *= 1e-3
    assert choose_filters(model, asked(0.125), draw())["layer3.conv1"] == [3, 7, 11, 30]


def test_the_scope_limits_what_is_pruned(model: NormalizedModel) -> None:
    assert set(choose_filters(model, asked(0.5, scope="layer1"), draw())) == {"layer1.conv1", "layer1.conv2"}
    with pytest.raises(StageError, match=r"prune\.scope = 'layer9'.*choose from all, conv1"):
        choose_filters(model, asked(0.5, scope="layer9"), draw())


def test_masks_add_up() -> None:
    assert merge_pruned({"a": [1, 3]}, {"a": [2, 3], "b": [0]}) == {"a": [1, 2, 3], "b": [0]}


def test_batch_norm_is_pruned_with_its_convolution(model: NormalizedModel) -> None:
    with torch.no_grad():
        model.network.get_parameter("layer2.bn1.bias").fill_(1.0)
    Mask.of(model, {"layer2.conv1": [0, 5]}).apply()
    norm = find_batch_norms(model.network)["layer2.conv1"]
    assert norm is model.network.get_submodule("layer2.bn1")
    assert not norm.weight[[0, 5]].any()
    assert not norm.bias[[0, 5]].any()
    assert norm.weight[[1, 2, 3, 4]].all()
    assert norm.bias[[1, 2, 3, 4]].all()


def test_logits_stay_when_only_dead_filters_are_pruned(model: NormalizedModel) -> None:
    with torch.no_grad():
        for convolution, norm in find_batch_norms(model.network).items():
            filters(model.network, convolution)[:2] = 0
            norm.weight[:2], norm.bias[:2] = 0, 0
    pixels = torch.rand(4, 1, 16, 16)
    with torch.no_grad():
        before = model(pixels)
        chosen = choose_filters(model, asked(0.0625), draw())
        Mask.of(model, chosen).apply()
        assert all(set(places) <= {0, 1} for places in chosen.values())
        assert torch.equal(model(pixels), before)


class TenFilters(nn.Module):
    """Two convolutions of ten filters; the names of their parts begin alike."""

    def __init__(self) -> None:
        super().__init__()
        self.layer1 = nn.Sequential(nn.Conv2d(1, 10, 2))
        self.layer10 = nn.Sequential(nn.Conv2d(10, 10, 2))

    def forward(self, pixels: Tensor) -> Tensor:
        found: Tensor = self.layer10(self.layer1(pixels))
        return found


def ten_filters() -> NormalizedModel:
    torch.manual_seed(0)
    return NormalizedModel(TenFilters(), 0.5, 0.5)


def test_biases_go_with_their_filters() -> None:
    model = ten_filters()
    bias = model.network.get_parameter("layer1.0.bias")
    with torch.no_grad():
        bias.fill_(1.0)
    Mask.of(model, {"layer1.0": [2, 9]}).apply()
    assert bias.tolist() == [1, 1, 0, 1, 1, 1, 1, 1, 1, 0]


@pytest.mark.parametrize(("ratio", "count"), [(0.04, 0), (0.24, 2), (0.26, 3), (0.3, 3), (0.88, 9), (0.96, 10)])
def test_a_share_is_rounded_to_the_nearest_number_of_filters(ratio: float, count: int) -> None:
    chosen = choose_filters(ten_filters(), asked(ratio), draw())
    assert chosen.keys() == ({"layer1.0", "layer10.0"} if count else set())
    assert all(len(places) == count for places in chosen.values())


def test_a_scope_is_a_whole_name_and_no_beginning_of_one() -> None:
    model = ten_filters()
    assert set(choose_filters(model, asked(0.5, scope="layer1"), draw())) == {"layer1.0"}
    assert set(choose_filters(model, asked(0.5, scope="layer10.0"), draw())) == {"layer10.0"}
    unknown = r"prune\.scope = 'layer': the model has no module of that name; choose from all, layer1, layer10$"
    with pytest.raises(StageError, match=unknown):
        choose_filters(model, asked(0.5, scope="layer"), draw())


def test_where_nothing_can_be_pruned_it_is_said_what_is_there() -> None:
    model = ten_filters()
    model.network.add_module("fc", nn.Sequential(nn.Linear(4, 2), nn.ReLU(), nn.Linear(2, 2)))
    with pytest.raises(StageError, match=r"scope = 'fc': no convolution there, but 2 Linear; choose from all, layer1"):
        choose_filters(model, asked(0.5, scope="fc"), draw())
    with pytest.raises(StageError, match="there, but no parameters at all;"):
        choose_filters(model, asked(0.5, scope="fc.1"), draw())
    linear = NormalizedModel(nn.Sequential(nn.Flatten(), nn.Linear(4, 2)), 0.5, 0.5)
    wanted = "unit = 'filters': no convolution in the whole model, which has 1 Linear; unit: weights prunes linear"
    with pytest.raises(StageError, match=wanted):
        choose_filters(linear, asked(0.5), draw())


def test_the_importance_decides_which_filters_go() -> None:
    """Filter 4 has the smallest L1 norm, filter 7 the smallest L2 norm."""
    model = ten_filters()
    with torch.no_grad():
        weight = model.network.get_parameter("layer1.0.weight").fill_(5.0)
        weight[4] = torch.tensor([[3.0, 0.0], [0.0, 0.0]])
        weight[7] = 1.0
    chosen = {
        name: choose_filters(model, asked(0.1, importance=name, scope="layer1"), draw())["layer1.0"]
        for name in ("l1", "l2", "random")
    }
    assert (chosen["l1"], chosen["l2"]) == ([4], [7])
    other = torch.Generator().manual_seed(1)
    again = [choose_filters(model, asked(0.3, importance="random"), given) for given in (draw(), draw(), other)]
    assert again[0] == again[1] != again[2], "by the seed"
