"""Settings that are right by themselves and do not fit those of another section."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from tasks.attacks.base import find_budget_problem
from tasks.certificates.registry import is_certificate
from tasks.errors import Problem
from tasks.kinds import MODEL_KINDS
from tasks.trial.trial import find_condition_problems, find_training, list_budgets


def find_conflicts(variants: Mapping[str, Sequence[Any]]) -> list[Problem]:
    """Every conflict between sections of a space.

    :param variants: section -> its distinct values in the grid.
    """
    conditions = find_condition_problems({kind: variants[kind] for kind in MODEL_KINDS})
    found = [*_find_unvalidated(variants), *_find_uncertified(variants), *_find_unneeded_budgets(variants)]
    return [*found, *(Problem(path, None, text) for path, text in conditions)]


def _find_unvalidated(variants: Mapping[str, Sequence[Any]]) -> Iterator[Problem]:
    """Settings that need a validation part, where some variant of the data set has none."""
    share = min(dataset.split.validation for dataset in variants["dataset"])
    for name in MODEL_KINDS:
        for training in map(find_training, variants[name]):
            place = "prune.training" if name == "prune" else name
            if training is not None and (problem := training.find_validation_problem(share, place)):
                yield problem


def _find_uncertified(variants: Mapping[str, Sequence[Any]]) -> Iterator[Problem]:
    """Certificates that do not fit what some variant of `inference` puts before the model, each message once."""
    methods = [attack.method for attack in variants["attack"] if is_certificate(attack.method)]
    pairs = itertools.product(methods, variants["inference"])
    found = (method.find_inference_problem(inference) for method, inference in pairs)
    yield from {str(problem): problem for problem in found if problem}.values()


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
