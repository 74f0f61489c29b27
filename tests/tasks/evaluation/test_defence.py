"""Transformations before a model: what an attack that does not know of them leaves, one that does takes.

Athalye et al. 2018 (arXiv 1802.00420) in small: above half without knowledge, 5 % or less with it.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Any

import pytest
import torch
from torch import nn

from tasks.data.images import Images, convert_to_float
from tasks.data.loading import load_splits
from tasks.data.settings import DatasetSettings
from tasks.evaluation.defence import defend
from tasks.evaluation.evaluate import evaluate, prepare_attacked
from tasks.evaluation.settings import AttackSettings, DefendedAttackSettings
from tasks.transformations.defended_model import DefendedModel
from tasks.transformations.settings import InferenceSettings
from tests.support.attack_models import network, network_images, train_quickly

COUNT = 40


@lru_cache
def trained() -> tuple[nn.Module, Images]:
    splits = load_splits(DatasetSettings(name="digits", image_size=16), None)
    return train_quickly(splits.train), splits.test


def make_cell(transformation: dict[str, Any], **attack: Any) -> DefendedAttackSettings:
    inference = InferenceSettings.model_validate({"transformations": [transformation], "eot_samples": 8}).simplify()
    raw = {"name": "ifgsm", "eps": 0.15, "steps": 15, "examples": COUNT, **attack}
    settings = AttackSettings.model_validate(raw).simplify().simplify_view(inference)
    return DefendedAttackSettings.of(settings, inference)


def count_robust(cell: DefendedAttackSettings) -> tuple[int, int]:
    model, images = trained()
    judged, attacked = defend(
        model, prepare_attacked(model, images, cell), cell, 0, lambda: convert_to_float(images.pixels)
    )
    (found,) = evaluate(judged, images, [cell], 0, 1.0, None, attacked)
    counts = found.count_correct()
    return counts["clean_correct"], counts["robust_correct"]


@pytest.mark.slow
@pytest.mark.parametrize(
    "transformation",
    [
        {"name": "jpeg", "quality": 30},
        {"name": "crop_rescale", "share": 0.8},
        {"name": "total_variation"},
    ],
    ids=lambda value: value["name"],
)
def test_what_a_plain_attack_leaves_an_adaptive_one_takes(transformation: dict[str, Any]) -> None:
    clean, plain = count_robust(make_cell(transformation, adaptive=False))
    same, adaptive = count_robust(make_cell(transformation))
    assert clean == same > 0.6 * COUNT
    assert plain > 0.5 * COUNT
    assert adaptive <= 0.05 * COUNT


def test_who_attacks_never_draws_what_the_judge_draws() -> None:
    model = network()
    images = network_images(model)
    cell = make_cell({"name": "noise"})
    judged, attacked = defend(model, prepare_attacked(model, images, cell), cell, 0, lambda: torch.zeros(1))
    pixels = convert_to_float(images.pixels[:4])
    assert isinstance(attacked.judge, DefendedModel)
    assert attacked.judge.samples == 8
    assert isinstance(judged, DefendedModel)
    assert judged.samples == 1
    judged.samples = attacked.judge.samples
    assert not torch.allclose(judged(pixels), attacked.judge(pixels), atol=1e-3)


def test_an_attack_on_random_answers_is_walked_to_its_end() -> None:
    assert make_cell({"name": "noise"}).stop_when_fooled is False
    assert make_cell({"name": "noise"}, adaptive=False).stop_when_fooled is True
    assert make_cell({"name": "jpeg"}).stop_when_fooled is True


def test_an_attack_that_does_not_know_sees_the_model_alone() -> None:
    model = network()
    images = network_images(model)
    cell = make_cell({"name": "jpeg"}, adaptive=False)
    bare = prepare_attacked(model, images, cell)
    assert defend(model, bare, cell, 0, lambda: torch.zeros(1))[1] is bare
