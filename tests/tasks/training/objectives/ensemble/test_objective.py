"""Ensemble adversarial training: part of each batch is examples against other models."""

from __future__ import annotations

import pytest
import torch
from pydantic import ValidationError
from torch import Tensor, nn

from tasks.attacks.engine.attacked_model import AttackedModel
from tasks.data.images import Images
from tasks.training.objectives.ensemble.objective import replace_share
from tasks.training.objectives.ensemble.settings import EnsembleSettings, StaticExamplesSettings
from tasks.training.objectives.standard.objective import compute_standard_loss
from tasks.training.objectives.standard.settings import STANDARD
from tasks.training.objectives.step import Batch, ObjectiveContext, StepOutcome, build_objective
from tests.support.training import linear, make_batch, make_draw


def as_attacked(model: nn.Module) -> AttackedModel:
    return AttackedModel(model, model, model)


def test_an_ensemble_replaces_its_share_with_examples_of_the_surrogate() -> None:
    settings = StaticExamplesSettings.model_validate(
        {"share": 0.25, "attack": {"name": "fgsm", "eps": 0.25}, "surrogates": [{"model": {"name": "resnet8"}}]}
    )
    seen: list[Tensor] = []

    def inner(model: nn.Module, given: Batch, numbers: torch.Generator) -> StepOutcome:
        seen.append(given.pixels.flatten())
        return compute_standard_loss(model, given, numbers)

    objective = replace_share(inner, settings, [as_attacked(linear(-1.0))])  # it is fooled by a brighter pixel
    objective(linear(2.0), make_batch(8), make_draw())
    assert seen[0].tolist() == [0.75, 0.75, 0.5, 0.5, 0.5, 0.5, 0.5, 0.5]


class Blind(nn.Module):
    """Its logits do not depend on the image, so that no example is made against it."""

    def forward(self, pixels: Tensor) -> Tensor:
        level = pixels.flatten(1) * 0
        return torch.cat([level + 1, level], 1)


SURROGATES = [{"model": {"name": "resnet8"}}] * 2
FGSM = {"name": "fgsm", "eps": 0.25}


@pytest.mark.parametrize(("include_self", "expected"), [(False, {0.25, 0.75}), (True, {0.25, 0.5, 0.75})])
def test_each_batch_meets_one_of_the_models(include_self: bool, expected: set[float]) -> None:
    """One surrogate is fooled by a darker pixel, one by a brighter one; 0.35 of 8 images are 3."""
    settings = StaticExamplesSettings.model_validate(
        {"share": 0.35, "attack": FGSM, "surrogates": SURROGATES, "include_self": include_self}
    )
    seen: set[tuple[float, ...]] = set()

    def inner(model: nn.Module, given: Batch, numbers: torch.Generator) -> StepOutcome:
        seen.add(tuple(given.pixels.flatten().tolist()))
        return compute_standard_loss(model, given, numbers)

    objective = replace_share(inner, settings, [as_attacked(linear(1.0)), as_attacked(linear(-1.0))])
    numbers = make_draw()
    for _ in range(30):
        objective(Blind(), make_batch(8), numbers)
    assert seen == {(level,) * 3 + (0.5,) * 5 for level in expected}


def test_the_inner_objective_is_given_the_models_that_are_left() -> None:
    """Brighter by 0.25 against the first model, then darker by 0.125 against the second."""
    inner = {"name": "ensemble", "attack": {"name": "fgsm", "eps": 0.125}, "surrogates": SURROGATES[:1]}
    settings = EnsembleSettings.model_validate({"attack": FGSM, "surrogates": SURROGATES[:1], "inner": inner})
    assert len(settings.required_models) == 2
    images = Images(torch.zeros(1, 1, 1, 1, dtype=torch.uint8), torch.zeros(1, dtype=torch.int64), ("a", "b"))
    context = ObjectiveContext(linear(2.0), images, [linear(-1.0), linear(1.0)], seed=0)
    seen: list[Tensor] = []

    class Watched(Blind):
        def forward(self, pixels: Tensor) -> Tensor:
            seen.append(pixels.flatten())
            return super().forward(pixels)

    build_objective(settings, context)(Watched(), make_batch(8), make_draw())
    assert seen[-1].tolist() == [0.625] * 4 + [0.5] * 4


def test_each_batch_meets_one_of_the_attacks() -> None:
    """A brighter pixel by one of three budgets."""
    budgets = (0.125, 0.25, 0.375)
    attacks = [{"name": "fgsm", "eps": eps} for eps in budgets]
    settings = StaticExamplesSettings.model_validate({"attack": attacks, "surrogates": SURROGATES[:1]})
    seen: set[float] = set()

    def inner(model: nn.Module, given: Batch, numbers: torch.Generator) -> StepOutcome:
        seen.add(given.pixels[0].item())
        assert len({value.item() for value in given.pixels[:4]}) == 1
        return compute_standard_loss(model, given, numbers)

    objective, numbers = replace_share(inner, settings, [as_attacked(linear(-1.0))]), make_draw()
    for _ in range(20):
        objective(Blind(), make_batch(8), numbers)
    assert seen == {0.5 + eps for eps in budgets}


def test_a_list_of_one_attack_is_that_attack_and_mistakes_in_a_list_have_their_place() -> None:
    one, alone = (
        EnsembleSettings.model_validate({"attack": attack, "surrogates": SURROGATES[:1]}).simplify()
        for attack in ([FGSM], FGSM)
    )
    assert one.canonical_text == alone.canonical_text
    zero = [{"name": "fgsm", "eps": 0}, {"name": "pgd", "eps": 0}]
    assert EnsembleSettings.model_validate({"attack": zero, "surrogates": SURROGATES}).simplify() == STANDARD
    for wrong, place in (([FGSM, {"name": "fgsm", "eps": -1}], ("attack", 1)), ([], ("attack",))):
        with pytest.raises(ValidationError) as caught:
            EnsembleSettings.model_validate({"attack": wrong, "surrogates": SURROGATES})
        assert caught.value.errors()[0]["loc"][: len(place)] == place


def test_what_stands_on_top_of_the_whole_is_not_asked_for_inside() -> None:
    inner = {"name": "standard", "awp": {}}
    with pytest.raises(ValidationError, match="stand beside `inner`"):
        EnsembleSettings.model_validate({"attack": FGSM, "surrogates": SURROGATES, "inner": inner})
