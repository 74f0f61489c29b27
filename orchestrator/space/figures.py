"""The section `figures` of a space: what its report draws beside the figures that every report has."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any, Literal

from pydantic import ValidationError

from orchestrator.space.matching import find_match_problems
from tasks.errors import Problem, limit_problems, list_choices
from tasks.settings import Settings, unkeyed
from tasks.settings_problems import describe_problems

FigureKind = Literal[
    "tradeoff",
    "axes",
    "security_curves",
    "certified_band",
    "budget_bars",
    "heat_map",
    "training_curves",
    "training_table",
    "confusion_matrices",
    "confidence",
    "images",
]
KINDS: dict[str, str] = {
    "tradeoff": "clean against robust accuracy, with the Pareto front",
    "axes": "accuracy over each setting that varies",
    "security_curves": "a rate over the budget, a line for each model",
    "certified_band": "what is certified and what attacks leave, with the band between them",
    "budget_bars": "a rate for each attack, a bar for each model or each rate",
    "heat_map": "a rate over budget and iterations, a map for each model",
    "training_curves": "loss and accuracy over the epochs",
    "training_table": "loss and accuracy epoch by epoch, in numbers",
    "confusion_matrices": "images by true and predicted class, before and after the attack",
    "confidence": "how sure models are, before and after the attack",
    "images": "attacked images beside their originals and the perturbation",
}
"""What each kind draws."""
Stage = Literal["train", "finetune", "adversarial_finetune"]
Rate = Literal["clean_accuracy", "robust_accuracy", "attack_success_rate"]
OWN = {
    "rates": ("security_curves", "budget_bars", "heat_map"),
    "stages": ("training_curves", "training_table"),
}
"""Option -> the kinds that have it."""
NAME = re.compile(r"[a-z0-9][a-z0-9_-]{0,59}", re.ASCII)


class FigureRequest(Settings):
    """An entry of `figures`."""

    kind: FigureKind = unkeyed()
    title: str = unkeyed("")
    """Empty: what the kind says of itself."""
    where: dict[str, Any] = unkeyed({})
    """The trials that it draws, written as `match` of a reference; a list stands for any of its values."""
    rates: tuple[Rate, ...] = unkeyed(("robust_accuracy",), min_length=1)
    """What a heat map, bars or curves over budgets show."""
    stages: tuple[Stage, ...] = unkeyed(("train", "finetune", "adversarial_finetune"), min_length=1)
    """Whose epochs curves and tables of the training show."""


def read_figures(content: dict[str, Any]) -> tuple[dict[str, FigureRequest], list[Problem]]:
    """Name -> figure of the section `figures`, and every mistake in it."""
    raw = content.get("figures")
    if raw is None:
        return {}, []
    if not isinstance(raw, dict):
        return {}, [Problem("figures", raw, "is not a mapping from names to figures")]
    found: dict[str, FigureRequest] = {}
    problems: list[Problem] = []
    for name, entry in raw.items():
        problems += _find_name_problems(name)
        try:
            found[str(name)] = FigureRequest.model_validate(entry)
        except ValidationError as error:
            problems += describe_problems(error, FigureRequest, f"figures.{name}")
            continue
        problems += _find_request_problems(found[str(name)], f"figures.{name}")
    return found, limit_problems(problems)


def find_figure(figures: dict[str, FigureRequest], wanted: str) -> tuple[str, FigureRequest]:
    """A figure that the space names, or a kind, by its name or the beginning of it.

    :raises KeyError: there is none, or a beginning fits several; its argument says what there is.
    """
    known = figures | {kind: FigureRequest(kind=kind) for kind in KINDS if kind not in figures}
    if wanted in known:
        return wanted, known[wanted]
    fitting = [name for name in known if name.startswith(wanted)] if wanted else []
    if len(fitting) == 1:
        return fitting[0], known[fitting[0]]
    if fitting:
        meanings = ", or ".join(f"{name} ({known[name].title or KINDS[known[name].kind]})" for name in sorted(fitting))
        raise KeyError(f"write more of the name: {meanings}")
    raise KeyError(list_choices(known, wanted))


def _find_name_problems(name: object) -> Iterator[Problem]:
    if not isinstance(name, str) or not NAME.fullmatch(name):
        message = "not a name of a figure: small letters, digits, - and _, at most 60, since files are named so"
        yield Problem(f"figures.{name}", None, message)
    elif name in KINDS:
        yield Problem(f"figures.{name}", None, "is the name of a kind, which every report may have; call it otherwise")


def _find_request_problems(request: FigureRequest, path: str) -> Iterator[Problem]:
    yield from find_match_problems(request.where, f"{path}.where")
    for option, kinds in OWN.items():
        if option in request.model_fields_set and request.kind not in kinds:
            yield Problem(f"{path}.{option}", None, f"{request.kind} has no {option}; {', '.join(kinds)} have")
