"""Examples for training are made against the model as it classifies, not as it trains."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor, nn

from tasks.attacks.base import MethodSettings
from tasks.attacks.engine.attacked_model import AttackedModel
from tasks.attacks.gradient.settings import IterativeSettings
from tasks.data.images import Images
from tasks.evaluation.settings import AttackSettings
from tasks.training import examples
from tasks.training.examples import (
    craft_all_examples,
    craft_divergent_examples,
    craft_own_examples,
    measure_robust_accuracy,
)
from tests.support.training import linear, make_batch, make_draw


class TwoFaced(nn.Module):
    """Brighter is of class 0 in evaluation, and of class 1 while it trains."""

    def __init__(self) -> None:
        super().__init__()
        self.modes: list[bool] = []

    def forward(self, pixels: Tensor) -> Tensor:
        self.modes.append(self.training)
        level = pixels.flatten(1).sum(1, keepdim=True) * (-1 if self.training else 1)
        return torch.cat([level, -level], 1)


def fgsm(eps: float) -> MethodSettings:
    return AttackSettings.model_validate({"name": "fgsm", "eps": eps}).method


def test_examples_are_made_in_evaluation_mode_and_the_model_trains_on() -> None:
    model = TwoFaced().train()
    examples = craft_own_examples(model, make_batch(3).pixels, make_batch(3).labels, fgsm(0.125), make_draw())
    assert examples.flatten().tolist() == [0.375] * 3, "darker is worse for class 0 in evaluation mode"
    assert not any(model.modes)
    assert model.training
    assert not examples.requires_grad


def test_the_noise_from_which_examples_diverge_follows_from_its_generator() -> None:
    """Of a linear model at the answers themselves the divergence has no slope but that of the noise."""
    model, pixels = linear(2.0), make_batch(30).pixels
    attack = AttackSettings.model_validate({"name": "ifgsm", "eps": 0.1, "steps": 1}).method
    assert isinstance(attack, IterativeSettings)
    found = []
    for seed in (1, 2):
        torch.manual_seed(seed)
        with torch.no_grad():
            answers = model(pixels)
        found.append(craft_divergent_examples(model, pixels, attack, make_draw(), answers))
    assert torch.equal(*found)


def grey(*values: int) -> Images:
    """Images of one pixel, of class 0."""
    pixels = torch.tensor(values, dtype=torch.uint8).view(-1, 1, 1, 1)
    return Images(pixels, torch.zeros(len(values), dtype=torch.int64), ("bright", "dark"))


def test_robust_accuracy_counts_the_images_that_withstand() -> None:
    """Class 0 wins above a pixel of one half: of four images three are right, and two by more than the budget."""
    layer = nn.Linear(1, 2)
    layer.weight.data, layer.bias.data = torch.tensor([[1.0], [-1.0]]), torch.tensor([-0.5, 0.5])
    model = nn.Sequential(nn.Flatten(), layer).eval()
    images = grey(90, 140, 170, 250)
    assert measure_robust_accuracy(model, images, fgsm(0.1), seed=0) == 0.5
    assert measure_robust_accuracy(model, images, fgsm(0.0), seed=0) == 0.75
    assert measure_robust_accuracy(model, images.select(torch.arange(0)), fgsm(0.1), seed=0) is None


def test_validation_under_attack_goes_on_with_what_fits(monkeypatch: pytest.MonkeyPatch) -> None:
    craft, images, model = examples.craft_examples, grey(51, 102, 153, 204, 255), linear(2.0).eval()
    whole = measure_robust_accuracy(model, images, fgsm(0.1), seed=0)

    def craft_few(target: AttackedModel, pixels: Tensor, *more: Any) -> Tensor:
        if len(pixels) > 2:
            raise torch.OutOfMemoryError
        return craft(target, pixels, *more)

    monkeypatch.setattr(examples, "craft_examples", craft_few)
    assert measure_robust_accuracy(model, images, fgsm(0.1), seed=0) == whole
    assert craft_all_examples(model, images, fgsm(0.1), seed=0).flatten().tolist() == pytest.approx(
        [0.1, 0.3, 0.5, 0.7, 0.9]
    )


def test_every_image_has_an_example_in_its_place() -> None:
    found = craft_all_examples(linear(2.0).eval(), grey(51, 102, 204), fgsm(0.1), seed=0)
    assert found.flatten().tolist() == pytest.approx([0.1, 0.3, 0.7])
