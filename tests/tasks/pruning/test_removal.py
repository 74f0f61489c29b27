"""Removing filters: what goes, what stays, and that a smaller model is what its artifact says."""

from __future__ import annotations

import copy
import json

import pytest
import torch
from torch import Tensor

from tasks.errors import StageError
from tasks.models.build import Description, NormalizedModel, build_model, build_with_weights
from tasks.models.settings import ModelSettings
from tasks.pruning.filters import Mask, choose_filters
from tasks.pruning.removal import remove_filters
from tasks.pruning.settings import PruneSettings
from tests.support.networks import make_networks_narrow

IMAGE = (3, 32, 32)


def fresh(name: str) -> NormalizedModel:
    """A model whose batch norms have seen images, so that no channel is like another."""
    torch.manual_seed(0)
    model = build_model(Description.of(ModelSettings.model_validate({"name": name}), channels=3, classes=10))
    for layer in model.modules():
        if isinstance(layer, torch.nn.BatchNorm2d):
            torch.nn.init.uniform_(layer.weight, 0.5, 1.5)
            torch.nn.init.normal_(layer.bias)
            layer.running_mean = torch.randn(layer.num_features) * 0.1
    return model.eval()


def asked(**fields: object) -> PruneSettings:
    return PruneSettings.model_validate({"ratio": 0.5, "mode": "remove", **fields})


def draw() -> torch.Generator:
    return torch.Generator().manual_seed(0)


def logits(model: NormalizedModel) -> Tensor:
    with torch.no_grad():
        found: Tensor = model(torch.rand(2, *IMAGE, generator=draw()))
    return found


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "training"),
    [
        *((name, training) for name in ("resnet8", "resnet18", "resnet50") for training in (False, True)),
        ("vgg16_bn", False),  # its dropout would draw other numbers
    ],
)
def test_removing_channels_is_masking_them_in_every_layer_they_share(
    name: str, training: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    make_networks_narrow(monkeypatch)
    masked = fresh(name)
    smaller = copy.deepcopy(masked)
    _, removed = remove_filters(smaller, asked(ratio=0.25), draw(), IMAGE)
    Mask.of(masked, removed).apply()
    for model in (masked, smaller):
        model.train(training)
    torch.testing.assert_close(logits(smaller), logits(masked), atol=2e-4, rtol=1e-4)


def test_filters_that_share_no_channels_are_the_same_in_both_modes() -> None:
    model = fresh("resnet8")
    expected = choose_filters(model, asked(mode="mask", scope="layer3.conv1"), draw())
    _, removed = remove_filters(model, asked(scope="layer3.conv1"), draw(), IMAGE)
    assert removed == expected


@pytest.mark.parametrize(
    ("name", "ratio"),
    [("resnet18", 0.4), *(pytest.param("resnet18", ratio, marks=pytest.mark.slow) for ratio in (0.25, 0.99)),
     ("resnet8", 0.25), ("resnet8", 0.95)],
)  # fmt: skip
def test_the_exact_share_of_every_convolution_goes(name: str, ratio: float) -> None:
    last, blocks, width = (
        ("layer3", ("layer3.",), 32) if name == "resnet8" else ("layer4", ("layer4.0.", "layer4.1."), 512)
    )
    model = fresh(name)
    shapes, removed = remove_filters(model, asked(ratio=ratio, scope=last), draw(), IMAGE)
    count = round(ratio * width)
    expected = [f"{block}{layer}" for block in blocks for layer in ("conv1", "conv2")] + [f"{blocks[0]}downsample.0"]
    assert {name: len(places) for name, places in removed.items()} == dict.fromkeys(expected, count)
    assert shapes["fc"] == [10, width - count]
    assert shapes[f"{blocks[0]}conv1"] == [width - count, width // 2, 3, 3]


def test_a_scope_that_cuts_through_shared_channels_is_refused() -> None:
    with pytest.raises(StageError, match=r"layer1\.conv2 shares its channels with conv1, which is outside"):
        remove_filters(fresh("resnet8"), asked(scope="layer1"), draw(), IMAGE)


@pytest.mark.slow
@pytest.mark.parametrize(
    "name", ["resnet8", "resnet50", "alexnet", "vgg16", "wide_resnet28_10", "mobilenet_v2", "densenet121"]
)
def test_a_smaller_model_is_rebuilt_from_json_and_tensors(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    make_networks_narrow(monkeypatch)
    model = fresh(name)
    description = Description.of(ModelSettings.model_validate({"name": name}), channels=3, classes=10)
    shapes, _ = remove_filters(model, asked(), draw(), IMAGE)
    written = json.loads(json.dumps({**description.to_json(), "shapes": shapes}))
    again = build_with_weights(Description(**written), model.state_dict()).eval()
    assert torch.equal(logits(again), logits(model))


@pytest.mark.parametrize(("ratio", "count"), [(0.11, 28), (0.39, 100)])
def test_a_share_is_rounded_to_the_nearest_number_of_channels(ratio: float, count: int) -> None:
    """0.11 of 256 channels are 28.16, 0.39 are 99.84."""
    _, removed = remove_filters(fresh("resnet18"), asked(ratio=ratio, scope="layer3"), draw(), IMAGE)
    assert {len(places) for places in removed.values()} == {count}


def test_one_channel_of_a_layer_is_kept() -> None:
    shapes, removed = remove_filters(fresh("resnet8"), asked(ratio=0.99, scope="layer3.conv1"), draw(), IMAGE)
    assert len(removed["layer3.conv1"]) == 31
    assert shapes["layer3.conv1"][0] == 1


@pytest.mark.parametrize(("name", "layer"), [("vit_tiny", "LayerNorm"), ("convnext_tiny", "LayerNorm2d")])
def test_a_network_with_layers_that_cannot_shrink_is_refused(name: str, layer: str) -> None:
    with pytest.raises(StageError, match=rf"is a {layer}: choose mode: mask"):
        remove_filters(fresh(name), asked(), draw(), IMAGE)


def test_channels_that_are_joined_go_by_the_sum_of_their_scores() -> None:
    model = fresh("resnet8")
    scores = {
        name: layer.weight.detach().flatten(1).abs().sum(1)
        for name, layer in model.network.named_modules()
        if isinstance(layer, torch.nn.Conv2d)
    }
    _, removed = remove_filters(model, asked(ratio=0.25), draw(), IMAGE)
    first = next(iter(removed))  # of later ones the input channels that went are not counted
    names = [name for name, places in removed.items() if places is removed[first]]
    assert len(names) > 1
    total = torch.stack([scores[name] for name in names]).sum(0)
    assert sorted(total.argsort()[: len(removed[first])].tolist()) == removed[first]


def test_among_the_whole_network_too_joined_channels_count_by_the_sum_of_their_scores() -> None:
    """Two filters of size 0.6 that can only go together matter more than one of size 1."""
    model = fresh("resnet8")
    alone = {"layer1.conv1", "layer2.conv1", "layer3.conv1"}
    for name, layer in model.network.named_modules():
        if isinstance(layer, torch.nn.Conv2d):
            size = layer.weight.detach().abs().flatten(1).sum(1)
            layer.weight.data *= ((1.0 if name in alone else 0.6) / size)[:, None, None, None]
    _, removed = remove_filters(model, asked(ratio=0.25, within="network"), draw(), IMAGE)
    assert removed.keys() <= alone
    assert sum(map(len, removed.values())) == 28, "a quarter of 2 x (8 + 16 + 32)"
