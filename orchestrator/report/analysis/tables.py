"""The rows that the figures of a study draw: plain JSON, the same for the page and for the files.

`trials` has a row for each trial, `cells` one for each configuration under one attack. Both hold the place of the
configuration (`config`) and of the attack (`threat`) in the study, the group by colour (`g`) and by shape (`s`),
whether the model is defended (`d`), and the value along each axis of the training (`a0`, `a1` and so on), so that
whoever draws may choose among them.
"""

from __future__ import annotations

import statistics
from dataclasses import dataclass
from typing import Any

from orchestrator.report.analysis.attack_families import list_families
from orchestrator.report.analysis.groups import choose_groups
from orchestrator.report.analysis.levels import list_levels
from orchestrator.report.analysis.study import Measured, Study, Threat, is_defended
from orchestrator.results.checks.verdict import find_worst
from orchestrator.results.headline import find_reason
from orchestrator.results.tradeoff import format_setting, format_spread
from tasks.trial.row import Row

Rows = list[dict[str, Any]]
STATES = ("defended", "undefended")
"""Of models; numbers of both are never averaged."""


RATES = {
    "clean_accuracy": ("clean", "clean accuracy"),
    "robust_accuracy": ("robust", "robust accuracy"),
    "attack_success_rate": ("success", "attack success rate"),
}
"""Rate -> its column in these tables, and what people call it."""


@dataclass(frozen=True)
class StudyTables:
    """The numbers of a study, row by row."""

    trials: Rows
    cells: Rows


def build_study_tables(study: Study) -> StudyTables:
    """Every trial and every cell of a study, in the order of its configurations and attacks."""
    describe = _describe_configurations(study)
    attacks = _describe_attacks(study)
    trials: Rows = []
    cells: Rows = []
    for (configuration, threat), entry in study.measured.items():
        common = describe[configuration] | attacks[threat]
        cells.append(common | _measure_cell(entry))
        trials += [common | _read_trial(row) for row in entry.rows]
    return StudyTables(trials, cells)


def _read_trial(row: Row) -> dict[str, Any]:
    return {
        "id": row["trial_id"],
        "seed": row["seed"],
        "images": row["examples"],
        "clean": row["clean_accuracy"],
        "robust": row["robust_accuracy"],
        "success": row["attack_success_rate"],
        "robustCorrect": row["robust_correct"],
        "low": round(row["robust_accuracy_low"], 4),
        "high": round(row["robust_accuracy_high"], 4),
        "verdict": row["verdict"] or "-",
        "reason": row["verdict_reason"] or "",
    }


def _describe_configurations(study: Study) -> dict[str, dict[str, Any]]:
    colour, shape = choose_groups(study)
    axes = [list_levels(study, axis) for axis in study.training_axes]
    return {
        configuration.key: {
            "config": place,
            "label": configuration.label,
            "g": colour.by_configuration[configuration.key],
            "s": shape.by_configuration[configuration.key],
            "d": STATES[not is_defended(configuration.row)],
            **{f"a{n}": axis.texts[axis.by_configuration[configuration.key]] for n, axis in enumerate(axes)},
        }
        for place, configuration in enumerate(study.configurations)
    }


def _describe_attacks(study: Study) -> dict[str, dict[str, Any]]:
    families = list_families(study)
    return {
        threat.key: {
            "threat": place,
            "family": next((n for n, family in enumerate(families) if threat in family.threats), None),
            "eps": threat.eps,
            "epsText": format_budget(threat),
            "steps": threat.steps,
        }
        for place, threat in enumerate(study.threats)
    }


def format_budget(threat: Threat) -> str:
    """The budget of an attack for people: 255ths where that is shorter, a dash where it has none."""
    return format_setting("attack_eps", threat.eps)


def _measure_cell(entry: Measured) -> dict[str, Any]:
    """Mean over seeds, and one standard deviation to both sides; no range for a single seed."""
    cell: dict[str, Any] = {"seeds": len(entry.rows), "trials": ", ".join(row["trial_id"] for row in entry.rows)}
    for rate, (name, _) in RATES.items():
        values = [row[rate] for row in entry.rows if row[rate] is not None]  # no success where nothing was correct
        mean = statistics.fmean(values) if values else None
        spread = statistics.stdev(values) if len(values) > 1 else 0.0
        cell |= {
            name: mean,
            f"{name}Low": None if mean is None else max(0.0, mean - spread),
            f"{name}High": None if mean is None else min(1.0, mean + spread),
            f"{name}Text": format_spread(values) if values else "-",
        }
    return cell | {"verdict": find_worst_verdict(entry), "reason": find_worst_reason(entry)}


def find_worst_verdict(entry: Measured) -> str:
    """The worst verdict of the trials; a dash before the checks have run."""
    return find_worst([row["verdict"] for row in entry.rows])


def find_worst_reason(entry: Measured) -> str:
    """Why the worst verdict of the trials is what it is; empty where nothing speaks against them."""
    return find_reason(entry.rows, find_worst_verdict(entry))
