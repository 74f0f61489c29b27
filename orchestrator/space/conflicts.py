"""Settings that are right by themselves and do not fit those of another section."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from tasks.attacks.base import find_budget_problem
from tasks.certificates.registry import is_certificate
from tasks.errors import Problem
from tasks.evaluation.settings import AttackSettings
from tasks.kinds import MODEL_KINDS
from tasks.transformations.settings import InferenceSettings
from tasks.trial.trial import (
    find_attack_problem,
    find_certificate_problem,
    find_condition_problems,
    find_training,
    find_unseen_defence,
    list_budgets,
)


def find_conflicts(variants: Mapping[str, Sequence[Any]], seeds: Sequence[int]) -> list[Problem]:
    """Every conflict between sections of a space.

    :param variants: section -> its distinct values in the grid.
    :param seeds: of the trials.
    """
    found = [*_find_unvalidated(variants), *_find_uncertified(variants), *_find_unneeded_budgets(variants)]
    found += [*_find_unfit_attacks(variants, seeds), *find_unseen_defence(variants["attack"], variants["inference"])]
    return [*found, *find_condition_problems({kind: variants[kind] for kind in MODEL_KINDS})]


def _find_unvalidated(variants: Mapping[str, Sequence[Any]]) -> Iterator[Problem]:
    """Settings that need a validation part, where some variant of the data set has none."""
    share = min(dataset.split.validation for dataset in variants["dataset"])
    for name in MODEL_KINDS:
        for training in map(find_training, variants[name]):
            place = "prune.training" if name == "prune" else name
            if training is not None and (problem := training.find_validation_problem(share, place)):
                yield problem


def _find_uncertified(variants: Mapping[str, Sequence[Any]]) -> Iterator[Problem]:
    """Certificates that fit what no variant of `inference` puts before the model, or that can certify no image at their
    budget, each message once; where one variant fits, the others are left out of the grid: see `is_left_out`."""
    found: list[Problem | None] = []
    for attack in (attack for attack in variants["attack"] if is_certificate(attack.method)):
        fitting = [inference for inference in variants["inference"] if not is_left_out(attack, inference)]
        cells = itertools.product([attack], variants["model"], fitting or variants["inference"])
        found += itertools.starmap(find_certificate_problem, cells)
    yield from _list_distinct(found)


def _list_distinct(found: Iterable[Problem | None]) -> Iterable[Problem]:
    """Each problem once, however many cells have it."""
    return {str(problem): problem for problem in found if problem}.values()


def is_left_out(attack: AttackSettings, inference: InferenceSettings | None) -> bool:
    """Whether a point of a grid is no trial: its certificate is not of what stands before its model."""
    return is_certificate(attack.method) and attack.method.find_inference_problem(inference) is not None


def _find_unfit_attacks(variants: Mapping[str, Sequence[Any]], seeds: Sequence[int]) -> Iterator[Problem]:
    """Attacks whose generator or witness does not fit some model or what stands before it, each message once."""
    attacks = [attack for attack in variants["attack"] if attack.witness or attack.method.required_generator]
    cells = itertools.product(attacks, seeds, variants["model"], variants["inference"])
    found = itertools.starmap(find_attack_problem, cells)
    yield from _list_distinct(found)


def _find_unneeded_budgets(variants: Mapping[str, Sequence[Any]]) -> list[Problem]:
    """Budgets that no image of the size of some data set can need, each once."""
    parts = [(name, part) for name in ("attack", *MODEL_KINDS) for part in variants[name]]
    pairs = itertools.product(variants["dataset"], variants["model"])
    found: dict[str, Problem] = {}
    for budget in (budget for dataset, model in pairs for budget in list_budgets(dataset, model, parts)):
        if text := find_budget_problem(budget.method, budget.values, budget.unit):
            problem = Problem(f"{budget.path}.eps", budget.method.eps, text)
            found.setdefault(str(problem), problem)
    return list(found.values())
