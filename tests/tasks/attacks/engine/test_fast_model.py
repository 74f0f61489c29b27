"""The fast copy of a model answers as the model does, alike in every batch, and the model has the last word."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor, nn

from tasks.attacks.base import UNRESTRICTED
from tasks.attacks.engine.attacked_model import AttackedModel
from tasks.attacks.engine.fast_model import WORTH_FOLDING, freeze_copy, prepare_model
from tasks.attacks.engine.job import AttackJob
from tasks.attacks.registry import ATTACKS, list_attacks
from tasks.data.images import convert_to_float
from tasks.models.build import Description, NormalizedModel, build_model
from tasks.models.settings import ModelSettings
from tests.support.attack_models import (
    QUICK_SETTINGS,
    Linear,
    craft,
    linear_images,
    network,
    network_images,
    settings,
)
from tests.support.foreign_models import Plain


@pytest.mark.parametrize("precision", ["fp32", "bf16"])
@pytest.mark.parametrize(
    ("name", "stem", "size"),
    [
        ("resnet8", "cifar", 32),
        pytest.param("alexnet", "imagenet", 64, marks=pytest.mark.slow),
        pytest.param("vgg16", "imagenet", 32, marks=pytest.mark.slow),
    ],
)
def test_a_prepared_model_answers_alike_for_few_images_and_for_many(
    name: str, stem: str, size: int, precision: str
) -> None:
    model = build_model(Description.of(ModelSettings(name=name, stem=stem), 3, 10)).eval()
    narrow_dense_layers(model.network)
    counts = (1, 2, 3, 5, 8) if name == "resnet8" else (1, 3, 4)
    images = torch.rand(counts[-1], 3, size, size, generator=torch.Generator().manual_seed(0))
    target = prepare_model(model, images, precision)
    assert target.is_prepared
    for source in {target.gradient, target.judge, target.original}:
        logits, gradient = answered(source, images)
        for count in counts[:-1]:
            few, slope = answered(source, images[:count])
            assert torch.equal(few, logits[:count]), f"logits of {count}"
            assert torch.equal(slope, gradient[:count]), f"gradients of {count}"


NARROW = 128


def narrow_dense_layers(network: nn.Module) -> None:
    """Leave few outputs to the first of three dense layers: they take seconds, and in bf16 some processors minutes.

    Its sums stay as long, and those of the way back through the second.
    """
    dense = [layer for layer in network.modules() if isinstance(layer, nn.Linear)]
    if len(dense) != 3:
        return
    first, second, _ = dense
    first.weight = nn.Parameter(first.weight[:NARROW].detach().clone())
    second.weight = nn.Parameter(second.weight[:, :NARROW].detach().clone())
    first.out_features = second.in_features = NARROW
    first.bias = nn.Parameter(first.bias[:NARROW].detach().clone())


def answered(source: nn.Module, images: Tensor) -> tuple[Tensor, Tensor]:
    pixels = images.to(memory_format=torch.channels_last).requires_grad_(True)
    logits = source(pixels)
    (gradient,) = torch.autograd.grad((logits * torch.arange(logits.shape[1])).sum(), pixels)
    return logits.detach(), gradient


class Shifted(nn.Module):
    """What rounding may do to a folded model, made large: the label leads by less than it does in truth."""

    def __init__(self, model: nn.Module) -> None:
        super().__init__()
        self.model = model

    def forward(self, pixels: Tensor) -> Tensor:
        logits: Tensor = self.model(pixels)
        own, other = logits.argmax(1), logits[:, :2].argmin(1)
        nearer = 2e-4 * logits.abs().amax(1)
        return logits.scatter_add(1, own[:, None], -nearer[:, None]).scatter_add(1, other[:, None], nearer[:, None])


THOROUGH: dict[str, dict[str, Any]] = {
    "carlini_wagner": {"steps": 30, "binary_search_steps": 6},
    "ead": {"steps": 30, "binary_search_steps": 6},
    "deepfool": {"overshoot": 0},
    "fab": {"steps": 20},
    "fab_t": {"steps": 20},
    "jsma": {"gamma": 1.0},
}
"""Settings with which an attack reaches every image of the linear model."""


SMALLEST = [
    name
    for name, attack in list_attacks().items()
    if not attack.bounded and attack.model_fields["norm"].default != UNRESTRICTED
]
"""The attacks that look for the smallest perturbation."""


@pytest.mark.parametrize("name", SMALLEST)
def test_the_model_itself_has_the_last_word(name: str) -> None:
    model, images = Linear(), linear_images()
    original, judge = freeze_copy(model), freeze_copy(Shifted(model))
    clean, index = convert_to_float(images.pixels), torch.arange(len(images))
    job = AttackJob(AttackedModel(judge, judge, original), clean, images.labels, (1,), index)
    norm = ATTACKS.load(name).model_fields["norm"].default
    found = craft(job, settings(name=name, norm=norm, **(QUICK_SETTINGS | THOROUGH).get(name, {})))
    with torch.no_grad():
        assert original(found).argmax(1).ne(images.labels).all()


def test_folding_changes_no_more_than_the_model_is_asked_again_for() -> None:
    model = network()
    clean = convert_to_float(network_images(model).pixels)
    target = prepare_model(model, clean)
    with torch.no_grad():
        folded, original = target.judge(clean), target.original(clean)
    assert not torch.equal(folded, original)
    assert ((folded - original).abs().amax(1) < 1e-4 * original.abs().amax(1)).all()


@pytest.mark.parametrize(("precision", "passes", "folded"), [
    ("fp32", WORTH_FOLDING - 1, False), ("fp32", WORTH_FOLDING, True), ("bf16", 1, True),
])  # fmt: skip
def test_few_passes_are_taken_by_a_plain_copy_where_a_graph_would_have_to_be_read(
    precision: str, passes: float, folded: bool
) -> None:
    torch.manual_seed(0)
    model = NormalizedModel(Plain(), 0.5, 0.5).eval()
    clean = torch.rand(8, 3, 12, 12, generator=torch.Generator().manual_seed(1))
    target, plain = prepare_model(model, clean, precision, passes), freeze_copy(model)
    assert target.is_prepared is folded
    with torch.no_grad():
        assert torch.equal(target.judge(clean), plain(clean)) is not folded
    assert next(model.parameters()).requires_grad


@pytest.mark.parametrize("passes", [1, WORTH_FOLDING])
def test_a_network_of_ours_is_folded_for_any_number_of_passes(passes: float) -> None:
    model = network()
    clean = convert_to_float(network_images(model).pixels)
    target = prepare_model(model, clean, passes=passes)
    assert target.is_prepared
    with torch.no_grad():
        assert torch.equal(target.judge(clean), prepare_model(model, clean).judge(clean))
        assert torch.equal(target.original(clean), freeze_copy(model)(clean))
