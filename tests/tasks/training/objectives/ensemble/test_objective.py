"""Ensemble adversarial training: part of each batch is examples against other models."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from tasks.training.objectives.ensemble.objective import replace_share
from tasks.training.objectives.ensemble.settings import StaticExamplesSettings
from tasks.training.objectives.standard.objective import compute_standard_loss
from tasks.training.objectives.step import Batch, StepOutcome
from tests.support.training import (
    linear,
    make_batch,
    make_draw,
)


def test_an_ensemble_replaces_its_share_with_examples_of_the_surrogate() -> None:
    settings = StaticExamplesSettings.model_validate(
        {"share": 0.25, "attack": {"name": "fgsm", "eps": 0.25}, "surrogates": [{"model": {"name": "resnet8"}}]}
    )
    seen: list[Tensor] = []

    def inner(model: nn.Module, given: Batch, numbers: torch.Generator) -> StepOutcome:
        seen.append(given.pixels.flatten())
        return compute_standard_loss(model, given, numbers)

    objective = replace_share(inner, settings, [linear(-1.0)])  # the surrogate is fooled by a brighter pixel
    objective(linear(2.0), make_batch(8), make_draw())
    assert seen[0].tolist() == [0.75, 0.75, 0.5, 0.5, 0.5, 0.5, 0.5, 0.5]
