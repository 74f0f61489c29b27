"""What the checks say of the numbers of a figure, in a sentence below it."""

from __future__ import annotations

from collections.abc import Sequence

from orchestrator.report.analysis.attack_families import list_curve_families, list_grid_families
from orchestrator.report.analysis.budget_bars import name_attacks
from orchestrator.report.analysis.study import Measured, Study
from orchestrator.report.analysis.tables import find_worst_reason, find_worst_verdict
from orchestrator.results.checks.verdict import SUSPICIOUS, UPPER_BOUND
from orchestrator.space.figures import FigureKind, Rate
from orchestrator.text import format_percent

MARKS = {UPPER_BOUND: "≤", SUSPICIOUS: "!"}
"""Verdict -> what stands beside a point that it speaks against."""
WORDS = {
    UPPER_BOUND: ("an upper bound", "upper bounds"),
    SUSPICIOUS: ("suspicious", "suspicious"),
}


def describe_doubts_of_figure(
    study: Study, kind: FigureKind, shown: Sequence[Measured] = (), rates: Sequence[Rate] = ("robust_accuracy",)
) -> str:
    """What speaks against the robust accuracies that a figure draws; empty where nothing does, or where it draws none.

    :param shown: what a figure of models one by one shows; none: every model.
    :param rates: of a figure that has the choice.
    """
    if set(rates) == {"clean_accuracy"}:
        return ""
    return describe_doubted(_list_drawn(study, kind, shown))


def _list_drawn(study: Study, kind: FigureKind, shown: Sequence[Measured]) -> Sequence[Measured]:
    match kind:
        case "tradeoff" | "axes":
            return study.under(study.headline)
        case "security_curves":
            longest = {
                max((threat for threat in family.threats if threat.eps == eps), key=lambda threat: threat.steps).key
                for family in list_curve_families(study)
                for eps in family.budgets
            }
            return _list_entries(study, longest)
        case "budget_bars":
            return _list_entries(study, set(name_attacks(study)))
        case "heat_map":
            grids = {threat.key for family in list_grid_families(study) for threat in family.threats}
            models = {entry.configuration.key for entry in shown}
            found = _list_entries(study, grids)
            return [entry for entry in found if not models or entry.configuration.key in models]
        case "confusion_matrices" | "confidence" | "images":
            return shown
        case _:
            return []


def _list_entries(study: Study, threats: set[str]) -> list[Measured]:
    return [entry for threat in study.threats if threat.key in threats for entry in study.under(threat)]


def describe_doubted(entries: Sequence[Measured]) -> str:
    """How many numbers each kind of verdict speaks against, and the reason beside one of them."""
    sentences = []
    for kind, (one, many) in WORDS.items():
        found = [entry for entry in entries if find_worst_verdict(entry) == kind]
        if found:
            first = found[0]
            kinds = f"is {one}" if len(found) == 1 else f"are {many}"
            are = f"{len(found)} of the {len(entries)} robust accuracies {kinds}"
            example = f"{first.configuration.label}, {first.threat.label}: {format_percent(first.mean[1])}"
            reason = find_worst_reason(first)
            sentences.append(f"{are}; such as {example}{f', {reason}' if reason else ''}.")
    return " ".join(sentences)
