"""Distillation: the losses are those of the papers, and a teacher is any chain."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from pydantic import ValidationError
from torch import nn

from tasks.data.images import Images
from tasks.training.objectives.distillation.settings import DistillationSettings
from tasks.training.objectives.step import ExampleObjective, Objective, ObjectiveContext, build_objective
from tasks.training.settings import TrainSettings
from tests.support.formulas import Array, Softmax, flatten, make_images, make_softmax
from tests.support.small import FEW, context, run, stages_of, trial
from tests.support.training import TRAIN, make_draw

TEACHER = {"model": {"name": "resnet8"}, "train": TRAIN}
FGSM = {"name": "fgsm", "eps": 0.1}
IFGSM = {"name": "ifgsm", "eps": 0.1, "steps": 2, "step_size": 0.06}


def make_teacher() -> tuple[nn.Module, Softmax]:
    weight, bias = torch.linspace(-9, 9, 18, dtype=torch.float64).view(3, 6).sin(), torch.zeros(3, dtype=torch.float64)
    layer = nn.Linear(6, 3).double()
    layer.weight.data, layer.bias.data = weight, bias
    return nn.Sequential(nn.Flatten(), layer), Softmax(weight.numpy(), bias.numpy())


def build(model: nn.Module, teachers: list[nn.Module], **fields: Any) -> Objective:
    images = Images(torch.zeros(1, 1, 2, 3, dtype=torch.uint8), torch.zeros(1, dtype=torch.int64), ("a", "b", "c"))
    settings = DistillationSettings.model_validate({"teacher": TEACHER, **fields})
    return build_objective(settings, ObjectiveContext(model, images, teachers, seed=0))


def soften(formula: Softmax, temperature: float) -> Softmax:
    return Softmax(formula.weight / temperature, formula.bias / temperature)


def diverge(one: Array, two: Array) -> float:
    return float((one * np.log(one / two)).sum(1).mean())


def test_defensive_distillation_is_cross_entropy_with_soft_answers() -> None:
    (model, student), (teacher, formula), batch = make_softmax(), make_teacher(), make_images()
    x = flatten(batch.pixels)
    answers, said = soften(formula, 5).answers(x), soften(student, 5).answers(x)
    found = build(model, [teacher], temperature=5)(model, batch, make_draw())
    assert found.loss.item() == pytest.approx(-(answers * np.log(said)).sum(1).mean())
    assert not any(parameter.requires_grad for parameter in teacher.parameters())


def test_without_a_teacher_it_is_cross_entropy_with_the_labels_at_a_temperature() -> None:
    (model, student), batch = make_softmax(), make_images()
    found = build(model, [], teacher=None, temperature=5)(model, batch, make_draw())
    expected = soften(student, 5).losses(flatten(batch.pixels), batch.labels.numpy()).mean()
    assert found.loss.item() == pytest.approx(expected)


@pytest.mark.parametrize("share", [0.7, 1.0])
def test_robust_distillation_learns_clean_answers_on_adversarial_examples(share: float) -> None:
    (model, student), (teacher, formula), batch = make_softmax(), make_teacher(), make_images()
    x, labels = flatten(batch.pixels), batch.labels.numpy()
    other = np.clip(x + 0.1 * np.sign(student.loss_gradient(x, labels)), 0, 1)
    answers, said = soften(formula, 3).answers(x), soften(student, 3).answers(other)
    expected = (1 - share) * student.losses(x, labels).mean() + share * 9 * diverge(answers, said)
    objective = build(model, [teacher], form="ard", attack=FGSM, temperature=3, **{"lambda": share})
    assert objective(model, batch, make_draw()).loss.item() == pytest.approx(expected)


def test_soft_labels_lead_the_examples_and_both_terms_of_rslad() -> None:
    (model, student), (teacher, formula), batch = make_softmax(), make_teacher(), make_images()
    objective = build(model, [teacher], form="rslad", attack=IFGSM)
    assert isinstance(objective, ExampleObjective)
    crafted = objective.craft(model, batch, make_draw())
    x, other = flatten(batch.pixels), flatten(crafted.crafted)
    answers = formula.answers(x)
    clean, hard = diverge(answers, student.answers(x)), diverge(answers, student.answers(other))
    assert objective.compute_loss(model, crafted, make_draw()).loss.item() == pytest.approx(clean / 6 + hard * 5 / 6)
    assert hard > clean
    assert np.abs(other - x).max() <= 0.1 + 1e-6


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"form": "ard"}, "form: ard needs a teacher and an attack"),
        ({"form": "rslad", "attack": IFGSM, "teacher": None}, "form: rslad needs a teacher"),
        ({"form": "rslad", "attack": FGSM}, "rslad makes its examples by"),
        ({"form": "rslad", "attack": IFGSM, "temperature": 2}, "no temperature"),
        ({"attack": FGSM}, "defensive makes no examples"),
        ({"lambda": 0.5}, "defensive makes no examples"),
    ],
)
def test_what_a_form_lacks_or_does_not_know_is_named(fields: dict[str, Any], message: str) -> None:
    with pytest.raises(ValidationError, match=message):
        DistillationSettings.model_validate({"teacher": TEACHER, **fields})


def test_a_teacher_is_any_chain_with_teachers_of_its_own_and_is_shared(tmp_path: Path) -> None:
    """Papernot's two networks and a third: the first is trained at the temperature, each other on answers."""
    hot = {"name": "distillation", "temperature": 2}
    first = {"model": {"name": "resnet8"}, "train": {**TRAIN, "objective": hot}}
    second = {"model": {"name": "resnet8"}, "train": {**TRAIN, "objective": {**hot, "teacher": first}}}
    third = trial(dataset=FEW, train={**TRAIN, "objective": {**hot, "teacher": second}})
    stages = stages_of(third)
    assert [stage.kind for stage in stages] == ["train"] * 3 + ["attack"]
    assert stages[2].upstream == {"surrogate_0": stages[1].key}
    assert stages[1].upstream == {"surrogate_0": stages[0].key}
    assert stages[0].key == stages_of(trial(dataset=FEW, train={**TRAIN, "objective": hot}))[0].key
    records = run(third, context(tmp_path))
    assert len({record["metrics"]["train_loss"] for record in records[:3]}) == 3


def test_a_teacher_that_is_trained_as_ever_keeps_its_key() -> None:
    plain = {"model": {"name": "resnet8"}, "train": TRAIN}
    named = {"model": {"name": "resnet8"}, "train": {**TRAIN, "objective": {"name": "standard"}}}
    chains = [
        stages_of(trial(train={**TRAIN, "objective": {"name": "distillation", "teacher": teacher}}))
        for teacher in (plain, named)
    ]
    assert [stage.key for stage in chains[0]] == [stage.key for stage in chains[1]]
    assert chains[0][0].key == stages_of(trial(train=TRAIN))[0].key


def test_ard_without_a_share_of_its_teacher_is_standard_training() -> None:
    fields = {"name": "distillation", "teacher": TEACHER, "attack": FGSM, "lambda": 0}
    ard, plain = (read_section(**named).simplify() for named in ({"objective": {**fields, "form": "ard"}}, {}))
    assert ard is not None
    assert plain == ard
    assert not ard.surrogates, "no teacher is trained"
    rslad = read_section(objective={**fields, "attack": IFGSM, "form": "rslad"}).simplify()
    assert rslad is not None
    assert rslad.surrogates, "it learns its teacher's answers to clean images"


def read_section(**fields: Any) -> TrainSettings:
    return TrainSettings.model_validate({**TRAIN, **fields})
