"""What is attacked is the model: the prepared copy gives its logits and gradients, or the model itself is attacked."""

from __future__ import annotations

import copy
import logging

import pytest
import torch
from torch import Tensor, nn

from tasks.attacks.engine.fast_model import freeze_copy, prepare_model
from tasks.models.build import Description, NormalizedModel, build_model
from tasks.models.registry import ARCHITECTURES
from tasks.models.settings import ModelSettings
from tests.support.foreign_models import FOREIGN, Plain, SharedConvolution, StraightThrough, build_foreign
from tests.support.networks import list_distinct_architectures, make_networks_narrow


def answer(model: nn.Module, images: Tensor) -> tuple[Tensor, Tensor]:
    """Logits, and the gradient of the loss of the third class."""
    pixels = images.clone().requires_grad_(True)
    logits = model(pixels)
    (gradient,) = torch.autograd.grad(logits[:, 2].sum() - logits.logsumexp(1).sum(), pixels)
    return logits.detach(), gradient


def assert_alike(prepared: nn.Module, model: nn.Module, images: Tensor, tolerance: float = 1e-3) -> None:
    logits, gradient = answer(prepared, images)
    expected, slope = answer(model, images)
    torch.testing.assert_close(logits, expected, rtol=tolerance, atol=tolerance * float(expected.abs().max()))
    missed = (gradient - slope).flatten(1).norm(dim=1) / slope.flatten(1).norm(dim=1)
    assert missed.median() <= 1e-2
    assert missed.max() <= 0.3


@pytest.mark.parametrize("style", FOREIGN, ids=lambda style: style.__name__)
def test_gradients_and_verdicts_are_those_of_the_network(style: type[nn.Module]) -> None:
    model = NormalizedModel(build_foreign(style), 0.5, 0.5).eval()
    plain = copy.deepcopy(model).requires_grad_(False)
    images = torch.rand(24, 3, 12, 12, generator=torch.Generator().manual_seed(1))
    attacked = prepare_model(model, images[:8])
    for source in (attacked.gradient, attacked.judge, attacked.original, freeze_copy(model)):
        assert_alike(source, plain, images)


def test_a_network_that_folding_changes_is_attacked_as_it_is_and_that_is_said(
    caplog: pytest.LogCaptureFixture,
) -> None:
    images = torch.rand(8, 3, 12, 12)
    with caplog.at_level(logging.WARNING):
        prepared = {
            style: prepare_model(NormalizedModel(build_foreign(style), 0.5, 0.5).eval(), images).is_prepared
            for style in (Plain, StraightThrough, SharedConvolution)
        }
    assert prepared == {Plain: True, StraightThrough: False, SharedConvolution: False}
    assert len([record for record in caplog.records if "attacked as it is" in record.message]) == 2


@pytest.mark.slow
@pytest.mark.parametrize("name", list_distinct_architectures())
def test_every_architecture_is_prepared(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    make_networks_narrow(monkeypatch)
    architecture = ARCHITECTURES.load(name)
    settings = ModelSettings(name=name, stem="cifar" if architecture.has_one_stem else "imagenet")
    torch.manual_seed(0)
    model = build_model(Description.of(settings, 3, 10)).eval()
    size = 32 if architecture.has_one_stem else 64
    images = torch.rand(4, 3, size, size, generator=torch.Generator().manual_seed(1))
    attacked = prepare_model(model, images)
    assert attacked.is_prepared
    assert_alike(attacked.gradient, model.requires_grad_(False), images)
