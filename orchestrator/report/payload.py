"""What the page's own script works on: the numbers of every trial, small, and what they are called."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from orchestrator.report.charts import build_charts
from orchestrator.report.closeup import ImageResults
from orchestrator.report.curves import list_families
from orchestrator.report.figures.style import PALETTE
from orchestrator.report.gather import ReportData
from orchestrator.report.grouping import choose_groups
from orchestrator.report.levels import choose_axes
from orchestrator.report.study import Axis, Configuration, Study, make_sort_key
from orchestrator.results.tradeoff import format_setting
from tasks.kinds import MODEL_KINDS

BINS = 20
MEASURES = {
    "accuracy": ("train_accuracy", "validation_accuracy", "robust_validation_accuracy"),
    "loss": ("train_loss", "validation_loss"),
}
MOST_FREEDOM = 40
"""Replicates up to which Student's t is tabled; beyond, the normal distribution serves."""


def build_payload(gathered: ReportData, looked: Mapping[str, Sequence[ImageResults]]) -> dict[str, Any]:
    """Everything that the script needs, as plain JSON.

    :param looked: data set -> the configurations that were looked at closely.
    """
    from scipy.stats import t

    return {
        "palette": list(PALETTE),
        "student": [float(t.ppf(0.975, freedom)) for freedom in range(1, MOST_FREEDOM)],
        "sweeps": [facts.label for facts in gathered.sweeps],
        "studies": [_encode_study(study, gathered, looked[study.dataset]) for study in gathered.studies],
    }


def encode_script(content: Mapping[str, Any]) -> str:
    """JSON that may stand inside a `<script>` element: no text in it can end the element or begin another."""
    text = json.dumps(content, allow_nan=False, separators=(",", ":"))
    for letter in "<>&":
        text = text.replace(letter, f"\\u{ord(letter):04x}")
    return text  # json escapes everything beyond ASCII


def _encode_study(study: Study, gathered: ReportData, looked: Sequence[ImageResults]) -> dict[str, Any]:
    threats = {threat.key: place for place, threat in enumerate(study.threats)}
    models = {configuration.key: place for place, configuration in enumerate(study.configurations)}
    colour, shape = choose_groups(study)
    axes = [_encode_axis(study, axis) for axis in study.training_axes]
    families = list_families(study)
    return {
        "dataset": study.dataset,
        "chance": study.chance,
        "axes": [{"label": axis["label"], "levels": axis["levels"]} for axis in axes],
        "panels": [study.training_axes.index(axis) for axis in choose_axes(study)],
        "configs": [
            {
                "label": configuration.label,
                "values": [axis["of"][configuration.key] for axis in axes],
                "g": colour.by_configuration[configuration.key],
                "s": shape.by_configuration[configuration.key],
                "sweeps": _list_sweeps(study, configuration, gathered),
            }
            for configuration in study.configurations
        ],
        "colour": {"title": colour.title, "levels": colour.levels},
        "shape": {"title": shape.title, "levels": shape.levels},
        "threats": [
            {
                "label": threat.label,
                "family": next(place for place, family in enumerate(families) if threat in family.threats)
                if threat.eps != 0
                else -1,
                "eps": threat.eps,
                "epsText": "-" if threat.eps is None else format_setting("attack_eps", threat.eps),
                "steps": threat.steps,
            }
            for threat in study.threats
        ],
        "headline": threats[study.headline.key],
        "families": [{"label": family.label, "unit": family.unit} for family in families],
        "trials": _list_trials(study, threats, models),
        "history": build_stage_curves(study, gathered),
        "closeups": [_bin_confidence(closeup) for closeup in looked],
        "charts": build_charts(study),
    }


def _encode_axis(study: Study, axis: Axis) -> dict[str, Any]:
    """The levels of an axis for people, ascending, and which of them each configuration has."""
    ordered = sorted({_make_hashable(c.values[axis.name]) for c in study.configurations}, key=make_sort_key)
    texts = list(dict.fromkeys(axis.shown(value) for value in ordered))
    of = {c.key: texts.index(axis.shown(_make_hashable(c.values[axis.name]))) for c in study.configurations}
    return {"label": axis.label, "levels": texts, "of": of}


def _make_hashable(value: Any) -> Any:
    return str(value) if isinstance(value, (list, dict)) else value


def _list_sweeps(study: Study, configuration: Configuration, gathered: ReportData) -> list[int]:
    labels = [facts.label for facts in gathered.sweeps]
    if len(labels) == 1:
        return [0]
    rows = [row for (model, _), entry in study.measured.items() if model == configuration.key for row in entry.rows]
    return sorted({labels.index(label) for row in rows for label in gathered.sweeps_of[row["attack_key"]]})


def _list_trials(study: Study, threats: Mapping[str, int], models: Mapping[str, int]) -> dict[str, list[Any]]:
    """Columns, one entry for each trial: a fifth of the size of rows."""
    columns: dict[str, list[Any]] = defaultdict(list)
    for (model, threat), entry in study.measured.items():
        for row in entry.rows:
            columns["config"].append(models[model])
            columns["threat"].append(threats[threat])
            columns["id"].append(row["trial_id"])
            columns["seed"].append(row["seed"])
            columns["images"].append(row["examples"])
            columns["cleanCorrect"].append(row["clean_correct"])
            columns["robustCorrect"].append(row["robust_correct"])
            columns["low"].append(round(row["robust_accuracy_low"], 4))
            columns["high"].append(round(row["robust_accuracy_high"], 4))
            columns["verdict"].append(row["verdict"] or "-")
    return columns


def build_stage_curves(study: Study, gathered: ReportData) -> list[dict[str, Any]]:
    """Mean and range over the stages of one kind and one group, epoch by epoch."""
    colour, _ = choose_groups(study)
    groups: dict[str, set[str]] = defaultdict(set)
    for entry in study.measured.values():
        for row in entry.rows:
            for kind in MODEL_KINDS:
                if row[f"{kind}_key"]:
                    groups[row[f"{kind}_key"]].add(colour.of(entry))
    found: dict[tuple[str, str, str, int], list[float]] = defaultdict(list)
    for epoch in gathered.history:
        names = groups.get(epoch["stage_key"], set())
        group = next(iter(names)) if len(names) == 1 else "shared"
        for metric in (metric for metrics in MEASURES.values() for metric in metrics) if names else ():
            if epoch[metric] is not None and np.isfinite(epoch[metric]):
                found[epoch["stage"], group, metric, epoch["epoch"]].append(epoch[metric])
    return [
        {
            "stage": stage,
            "g": group,
            "metric": metric.replace("_", " "),
            "kind": next(kind for kind, metrics in MEASURES.items() if metric in metrics),
            "epoch": number + 1,
            "mean": round(sum(values) / len(values), 5),
            "low": round(min(values), 5),
            "high": round(max(values), 5),
            "stages": len(values),
        }
        for (stage, group, metric, number), values in sorted(found.items())
    ]


def _bin_confidence(closeup: ImageResults) -> list[dict[str, Any]]:
    """A histogram before and after."""
    bars = []
    for when, values in (("clean", closeup.clean_confidence), ("adversarial", closeup.adversarial_confidence)):
        counts, edges = np.histogram(values, BINS, (0.0, 1.0))
        shares = zip(edges[:-1], edges[1:], counts / len(values), strict=True)
        bars += [
            {"when": when, "from": round(float(start), 3), "to": round(float(end), 3), "share": round(float(share), 5)}
            for start, end, share in shares
            if share
        ]
    return bars
