"""What is folded without a look at the graph is what reading it gives, and only networks of known classes are."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from tasks.attacks.engine.fast_model import prepare_model
from tasks.attacks.engine.known_folding import fold_known
from tasks.attacks.engine.steady import make_steady
from tasks.models.architectures.resnet8 import Block
from tasks.models.build import Description, NormalizedModel, build_model
from tasks.models.settings import ModelSettings
from tests.support.foreign_models import Plain

FEW = 48.0
"""Passes of an attack for which no graph is read."""


def used_network(name: str = "resnet8", stem: str = "cifar") -> NormalizedModel:
    """A network whose batch norms hold what training would leave in them: each channel something else."""
    torch.manual_seed(0)
    model = build_model(Description.of(ModelSettings(name=name, stem=stem), 3, 10))
    for layer in model.modules():
        if isinstance(layer, nn.BatchNorm2d):
            for tensor, low in ((layer.weight, 0.5), (layer.bias, -0.5), (layer.running_mean, -0.5)):
                nn.init.uniform_(tensor, low, low + 1)  # type: ignore[arg-type]
            nn.init.uniform_(layer.running_var, 0.5, 1.5)  # type: ignore[arg-type]
    return model.eval()


def images(count: int = 4) -> Tensor:
    return torch.rand(count, 3, 32, 32, generator=torch.Generator().manual_seed(1))


def answer(model: nn.Module, pixels: Tensor) -> tuple[Tensor, Tensor]:
    pixels = pixels.clone().requires_grad_(True)
    logits: Tensor = model(pixels)
    (gradient,) = torch.autograd.grad((logits * torch.arange(logits.shape[1])).sum(), pixels)
    return logits.detach(), gradient


@pytest.mark.parametrize(("name", "stem"), [
    ("resnet8", "cifar"), ("resnet18", "imagenet"), pytest.param("resnet50", "cifar", marks=pytest.mark.slow),
])  # fmt: skip
def test_the_copy_answers_to_the_last_bit_what_the_graph_gives(name: str, stem: str) -> None:
    model = used_network(name, stem)
    if name == "resnet18":  # its last two groups are the second one in large
        model.network.layer3 = model.network.layer4 = nn.Identity()
        model.network.fc = nn.Linear(128, 10)
    before = {key: tensor.clone() for key, tensor in model.state_dict().items()}
    read = prepare_model(model, images())
    known = fold_known(model.train())
    assert read.is_prepared
    assert known is not None
    assert not any(isinstance(layer, nn.BatchNorm2d) or layer.training for layer in known.modules())
    assert not any(weight.requires_grad for weight in known.parameters())
    for ours, theirs in zip(answer(make_steady(known), images()), answer(read.judge, images()), strict=True):
        assert torch.equal(ours, theirs)
    after = model.state_dict()
    assert after.keys() == before.keys()
    assert all(torch.equal(after[key], tensor) for key, tensor in before.items())
    assert all(layer.training for layer in model.modules())


def test_a_convolution_with_a_bias_of_its_own_keeps_it() -> None:
    model = used_network()
    first: Any = model.network.conv1
    first.bias = nn.Parameter(torch.linspace(-1, 1, first.out_channels))
    known = fold_known(model)
    assert known is not None
    for ours, theirs in zip(answer(known, images()), answer(model, images()), strict=True):
        torch.testing.assert_close(ours, theirs, rtol=1e-4, atol=1e-4)


class Doubling(nn.Conv2d):
    def forward(self, x: Tensor) -> Tensor:
        return 2 * super().forward(x)


def share_a_layer(network: Any) -> None:
    network.layer1.conv2 = network.layer1.conv1


def share_a_weight(network: Any) -> None:
    network.layer1.conv2.weight = network.layer1.conv1.weight


def hook_a_layer(network: Any) -> None:
    network.layer2.relu.register_forward_hook(lambda _layer, _asked, answered: 2 * answered)


def replace_forward(network: Any) -> None:
    forward = network.layer2.forward
    network.layer2.forward = lambda x: 2 * forward(x)


def use_another_class(network: Any) -> None:
    network.conv1.__class__ = Doubling


def take_statistics_of_the_batch(network: Any) -> None:
    network.bn1 = nn.BatchNorm2d(8, track_running_stats=False)


def hold_its_owner(network: Any) -> None:
    network.layer1.owner = network


STRANGE: list[Callable[[Any], None]] = [
    share_a_layer, share_a_weight, hook_a_layer, replace_forward, use_another_class, take_statistics_of_the_batch,
    hold_its_owner,
]  # fmt: skip


@pytest.mark.parametrize("change", STRANGE, ids=lambda change: change.__name__)
def test_what_does_something_else_than_its_classes_say_is_attacked_as_it_is(change: Callable[[Any], None]) -> None:
    model = used_network()
    change(model.network)
    assert fold_known(model) is None
    if change is not hold_its_owner:
        attacked = prepare_model(model, images(), passes=FEW)
        assert not attacked.is_prepared
        for ours, theirs in zip(answer(attacked.judge, images()), answer(model, images()), strict=True):
            torch.testing.assert_close(ours, theirs, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("model", [
    Block(3, 8), NormalizedModel(Plain(), 0.5, 0.5), NormalizedModel(nn.Sequential(nn.Flatten()), 0.5, 0.5),
    NormalizedModel(nn.Sequential(nn.Conv2d(3, 8, 3), nn.ReLU()), 0.5, 0.5),
], ids=["no model", "of another class", "a layer that is not known", "nothing to fold"])  # fmt: skip
def test_other_models_are_left_to_those_who_read_them(model: nn.Module) -> None:
    assert fold_known(model) is None


def test_convolutions_in_a_row_are_folded_where_a_batch_norm_follows() -> None:
    layers = [nn.Conv2d(3, 8, 3), nn.Conv2d(8, 8, 3), nn.BatchNorm2d(8), nn.ReLU(), nn.BatchNorm2d(8)]
    model = NormalizedModel(nn.Sequential(*layers), 0.5, 0.5).eval()
    for layer in (layers[2], layers[4]):
        nn.init.uniform_(layer.running_mean)  # type: ignore[arg-type]
    known = fold_known(model)
    assert known is not None
    assert [isinstance(layer, nn.BatchNorm2d) for layer in known.network.children()] == [False] * 4 + [True]
    with torch.no_grad():
        torch.testing.assert_close(known(images()), model(images()), rtol=1e-4, atol=1e-4)


def test_the_model_itself_is_copied_when_it_is_asked_and_no_attack_reaches_it() -> None:
    model = used_network()
    expected, _ = answer(model, images())
    attacked = prepare_model(model, images(), passes=FEW)
    assert attacked.is_prepared
    for source in (attacked.judge, attacked.original):
        for weight in source.parameters():
            weight.data.zero_()
    with torch.no_grad():
        assert not attacked.judge(images()).any()
        torch.testing.assert_close(attacked.original(images()), expected)
        for weight in attacked.original.parameters():
            weight.data.zero_()
        assert not attacked.original(images()).any()
        assert torch.equal(model(images()), expected)
