"""What stages would refuse of their models and images, asked before any of them runs.

Models are made without weights, on torch's meta device, where shapes alone are computed: one for each architecture and
form of image, however many stages ask it.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import partial
from typing import NamedTuple

import torch

from tasks.attacks.base import find_budget_problem
from tasks.certificates.registry import is_certificate
from tasks.data.settings import DatasetSettings
from tasks.data.source import Inspection
from tasks.errors import MisfitError, Problem, StageError
from tasks.evaluation.settings import AttackSettings, DefendedAttackSettings
from tasks.kinds import MODEL_KINDS
from tasks.models.build import Description, NormalizedModel, sketch_model
from tasks.models.fitting import check_side
from tasks.models.settings import ModelSettings
from tasks.models.weights import check_weights_file
from tasks.pruning.check import check_prunable, check_ratio
from tasks.registry import load_object
from tasks.settings import Settings
from tasks.training.objectives.base import ObjectiveSettings
from tasks.training.settings import TrainSettings
from tasks.training.sparsity.settings import TrainedPruneSettings
from tasks.trial.chain import Stage
from tasks.trial.trial import list_budgets
from tasks.without_compiler import replace_compiler

ASSUMED_CLASSES, ASSUMED_SIDE = 10, 224
"""Of a data set that is not here, or of which that is known once its images are read."""
Shape = tuple[int, int, int]
Ask = Callable[[NormalizedModel, Shape], None]


class Subject(NamedTuple):
    """What is asked: an architecture for images of one form."""

    model: ModelSettings
    channels: int
    classes: int
    side: int | None
    """Pixels; null where they are not known before the images are read."""


class Question(NamedTuple):
    """What is asked of a model."""

    path: str
    value: str
    """What stands there."""
    ask: Ask
    """Raises `StageError` where the model does not fit."""
    key: str
    """Equal keys ask the same."""


def find_misfits(
    stages: Iterable[Stage], data: Mapping[DatasetSettings, Inspection]
) -> Iterator[tuple[Stage, Problem]]:
    """Settings that the models or the images of some stages cannot meet, each once, with the first stage that has it.

    What a model without weights cannot tell, such as one of a plugin that computes with values when it is made, is left
    to its stage.
    """
    sketches: dict[Subject, NormalizedModel | None] = {}
    asked: set[tuple[Subject, str, str]] = set()
    for stage in stages:
        subject = _describe_subject(stage, data[stage.dataset])
        if subject not in sketches:
            sketches[subject], found = _sketch(subject)
            yield from ((stage, problem) for problem in found)
        for question in _list_questions(stage):
            told = (subject, question.path, question.key)
            if told not in asked:
                asked.add(told)
                yield from ((stage, problem) for problem in _ask(question, subject, sketches[subject]))
        finders = (_find_transformation_problems, _find_budget_problems, _find_crop_problems)
        found_problems = (problem for find in finders for problem in find(stage, subject))
        for problem in (*found_problems, *_find_target_problems(stage, len(data[stage.dataset].classes))):
            told = (subject, problem.path, str(problem))
            if told not in asked:
                asked.add(told)
                yield stage, problem


def _describe_subject(stage: Stage, found: Inspection) -> Subject:
    channels, side = stage.dataset.channels or found.channels, stage.dataset.image_size or found.side
    return Subject(stage.model, channels, len(found.classes) or ASSUMED_CLASSES, side)


@replace_compiler()
def _sketch(subject: Subject) -> tuple[NormalizedModel | None, list[Problem]]:
    """The model without weights, null where there is none to ask, and why it does not fit the images."""
    try:
        description = Description.of(subject.model, subject.channels, subject.classes)
        model = sketch_model(description)
        if subject.side is not None:
            check_side(model, description, subject.side)
    except StageError as error:
        return None, [_state_problem("model", subject.model.name, error)]
    except Exception:  # a network that is made of values: its stage will tell
        return None, []
    return model, []


def _list_questions(stage: Stage) -> Iterator[Question]:
    settings, model_settings = stage.settings, stage.model
    if stage.kind in MODEL_KINDS and "model" not in stage.upstream:
        yield Question("model.weights", "", lambda model, shape: check_weights_file(model.network, model_settings), "")  # noqa: ARG005
    if isinstance(settings, TrainSettings):
        yield from _question_objective(f"{stage.kind}.objective", settings.chosen_objective)
    elif isinstance(settings, TrainedPruneSettings):
        key = " ".join((settings.scope, settings.unit, settings.within, settings.mode, settings.importance))
        yield Question(stage.kind, "", lambda model, shape: check_prunable(model, settings, shape), key)
        share = f"{key} {settings.ratio}"
        yield Question(stage.kind, "", lambda model, shape: check_ratio(model, settings), share)  # noqa: ARG005
        inside = "prune.training" if settings.training else "prune"
        yield from _question_objective(f"{inside}.objective", settings.chosen_objective)
    elif isinstance(settings, AttackSettings):
        yield from _question_attack(stage, settings)


def _question_attack(stage: Stage, settings: AttackSettings) -> Iterator[Question]:
    method = settings.method
    if settings.eps_space != "pixel":

        def check_unit(model: NormalizedModel, shape: Shape) -> None:  # noqa: ARG001
            Description.of(stage.model, shape[0], ASSUMED_CLASSES).get_pixels_per_unit(settings.eps_space)

        yield Question("attack.eps_space", settings.eps_space, check_unit, "")
    if is_certificate(method) and (check := type(method).check_network):
        yield Question("attack", method.name, partial(_check_network, check, method), method.canonical_text)


def _question_objective(place: str, objective: ObjectiveSettings) -> Iterator[Question]:
    check = type(objective).check_network
    if check:
        ask = partial(_check_network, check, objective, training=True)
        yield Question(place, objective.name, ask, objective.canonical_text)
    for name in type(objective).model_fields:
        if isinstance(inner := getattr(objective, name), ObjectiveSettings):
            yield from _question_objective(f"{place}.{name}", inner)


def _check_network(
    check: str | Callable[..., None],
    settings: Settings,
    model: NormalizedModel,
    shape: Shape,
    *,
    training: bool = False,
) -> None:
    load_object(check)(settings, copy.deepcopy(model).train(training), torch.zeros(2, *shape, device="meta"))


@replace_compiler()
def _ask(question: Question, subject: Subject, model: NormalizedModel | None) -> list[Problem]:
    if model is None:
        return []
    side = subject.side or ASSUMED_SIDE
    try:
        question.ask(model, (subject.channels, side, side))
    except StageError as error:
        return [_state_problem(question.path, question.value, error, f" (model {subject.model.name})")]
    except Exception:  # what has no values cannot be told everything: its stage will tell
        return []
    return []


def _state_problem(path: str, value: str, error: StageError, note: str = "") -> Problem:
    """The problem that an error names, else one of the place where it was asked."""
    found = error.problem if isinstance(error, MisfitError) else Problem(path, value, str(error))
    return Problem(found.path, found.value, f"{found.message}{note}")


def _find_transformation_problems(stage: Stage, subject: Subject) -> Iterator[Problem]:
    if not isinstance(stage.settings, DefendedAttackSettings):
        return
    for place, each in enumerate(stage.settings.inference.transformations):
        if found := each.find_image_problem(subject.channels, subject.side):
            field, text = found
            yield Problem(f"inference.transformations.{place}.{field}", getattr(each, field), text)


def _find_budget_problems(stage: Stage, subject: Subject) -> Iterator[Problem]:
    """Budgets that no image of this size can need, where the size is that of the data set and stands in no file."""
    if subject.side is None:
        return
    dataset = stage.dataset.model_copy(update={"image_size": subject.side, "channels": subject.channels})
    for budget in list_budgets(dataset, stage.model, [(stage.kind, stage.settings)]):
        if text := find_budget_problem(budget.method, budget.values, budget.unit):
            yield Problem(f"{budget.path}.eps", budget.method.eps, text)


def _find_target_problems(stage: Stage, classes: int) -> Iterator[Problem]:
    """Target classes beyond those that there are: the same attack under another name. The usual number goes with any
    data set.

    :param classes: 0 where they are not known before the images are read.
    """
    method = stage.settings.method if isinstance(stage.settings, AttackSettings) else None
    targets = getattr(method, "targets", None)
    if not classes or method is None or targets is None:
        return
    if targets > max(classes - 1, type(method).model_fields["targets"].default):
        yield Problem("attack.targets", targets, f"{classes} classes have {classes - 1} others: at most {classes - 1}")


def _find_crop_problems(stage: Stage, subject: Subject) -> Iterator[Problem]:
    """Crops that may have nothing of the image in them."""
    crop = stage.dataset.augment.crop
    if subject.side is not None and crop >= subject.side:
        text = f"images have {subject.side}x{subject.side} pixels, so that some crops would be padding alone"
        yield Problem("dataset.augment.crop", crop, text)
