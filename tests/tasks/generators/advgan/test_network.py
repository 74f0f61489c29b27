"""AdvGAN's generator against a model whose best perturbation is known."""

from __future__ import annotations

import math
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from tasks.data.images import Images, convert_to_float
from tasks.generators.advgan.network import measure_confusion, measure_shortfall, measure_strangeness, perturb
from tasks.generators.advgan.settings import AdvGanGeneratorSettings
from tasks.generators.job import GeneratorJob, build_generator
from tests.support.attack_models import Linear, linear_images


def test_it_learns_what_fools_the_linear_model() -> None:
    """After a few epochs it reaches most images that any perturbation of this size reaches, and it never saw them."""
    model, images, unseen = Linear().requires_grad_(False), linear_images(64), linear_images(96)
    clean = convert_to_float(unseen.pixels[64:])
    distances = model.distances(clean, "linf")
    eps = float(distances.quantile(0.9))
    chosen = AdvGanGeneratorSettings(eps=eps, epochs=15, width=8, batch_size=32)
    network, history = build_generator(chosen, images.image_shape, 4, 0), list[dict[str, Any]]()
    network.fit(GeneratorJob(images, 0, model, history.append))
    with torch.no_grad():
        fooled = model(perturb(clean, network.eval()(clean), eps)).argmax(1) != unseen.labels[64:]
    assert int(fooled.sum()) >= 0.7 * int((distances < eps).sum())
    assert not fooled[distances > eps].any()
    assert history[-1]["train_loss"] < history[0]["train_loss"]


def test_images_are_moved_by_their_budget_and_no_farther_than_black_and_white() -> None:
    pixels = torch.tensor([0.25, 0.5, 0.9]).view(1, 1, 1, 3)
    moves = torch.tensor([-1.0, 0.5, 1.0]).view(1, 1, 1, 3)
    assert perturb(pixels, moves, 0.5).flatten().tolist() == [0.0, 0.75, 1.0]


class Hopeless(nn.Module):
    """It always says class 0 by far, so that the label of other images has no lead to lose."""

    def forward(self, pixels: Tensor) -> Tensor:
        return pixels.new_tensor([9.0, 0.0, 0.0, 0.0]) + 0 * pixels.flatten(1)[:, :4]


def test_what_is_noted_is_the_shortfall_by_its_weight_down_to_the_confidence() -> None:
    images = linear_images(64)
    wrong = Images(images.pixels, torch.ones(len(images), dtype=torch.int64), images.classes)
    chosen = AdvGanGeneratorSettings(eps=0.1, epochs=1, width=4, adversarial_weight=7.0, confidence=3.0)
    history = list[dict[str, Any]]()
    build_generator(chosen, images.image_shape, 4, 3).fit(GeneratorJob(wrong, 3, Hopeless(), history.append))
    assert [entry["train_loss"] for entry in history] == [-7.0 * 3.0]


def test_the_discriminator_is_to_tell_them_apart_and_the_generator_to_be_taken_for_real() -> None:
    """Cross-entropy: the logarithm of two where nobody knows, nothing where the answer is sure and right."""
    sure, unsure, two = torch.full((3,), 40.0), torch.zeros(3), math.log(2)
    assert float(measure_confusion(unsure, unsure)) == pytest.approx(2 * two)
    assert float(measure_confusion(sure, -sure)) == pytest.approx(0, abs=1e-6)
    assert float(measure_confusion(-sure, sure)) == pytest.approx(80)
    assert [float(measure_strangeness(each)) for each in (sure, unsure, -sure)] == pytest.approx([0, two, 40], abs=1e-6)


def test_the_shortfall_is_the_lead_of_the_label_down_to_the_confidence() -> None:
    logits = torch.tensor([[3.0, 1.0, 0.0], [0.0, 1.0, 4.0]])
    found = measure_shortfall(logits, torch.tensor([0, 1]), 2.0)
    assert found.tolist() == pytest.approx([2.0, -2.0])
