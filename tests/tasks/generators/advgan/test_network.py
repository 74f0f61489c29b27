"""AdvGAN's generator against a model whose best perturbation is known."""

from __future__ import annotations

from typing import Any

import pytest
import torch

from tasks.data.images import convert_to_float
from tasks.generators.advgan.network import measure_shortfall, perturb
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


def test_the_shortfall_is_the_lead_of_the_label_down_to_the_confidence() -> None:
    logits = torch.tensor([[3.0, 1.0, 0.0], [0.0, 1.0, 4.0]])
    found = measure_shortfall(logits, torch.tensor([0, 1]), 2.0)
    assert found.tolist() == pytest.approx([2.0, -2.0])
