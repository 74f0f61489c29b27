"""Accuracy and loss over the epochs of the stages that train."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterable, Mapping
from typing import Any

from orchestrator.report.analysis.groups import choose_groups
from orchestrator.report.analysis.study import Study
from tasks.kinds import MODEL_KINDS

MEASURES = {
    "accuracy": ("train_accuracy", "validation_accuracy", "robust_validation_accuracy"),
    "loss": ("train_loss", "validation_loss"),
}
SHARED = "shared"
"""The group of a stage that models of several groups are built on."""


def list_training_curves(study: Study, history: Iterable[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Mean and range over the stages of one kind and one group, a row for each measure and epoch.

    :param history: rows of `schema.HISTORY`; those of other studies are left out.
    :returns: rows of `stage`, `g` (the group), `kind` (`accuracy` or `loss`), `metric` (of the
        training or of the validation part, clean or robust), `epoch` (from 1), `mean`,
        `low`, `high` and `stages` (how many the mean is over).
    """
    groups = _find_groups(study)
    found: dict[tuple[str, str, str, int], list[float]] = defaultdict(list)
    for epoch in history:
        names = groups.get(epoch["stage_key"], set())
        group = next(iter(names)) if len(names) == 1 else SHARED
        for metric in (metric for metrics in MEASURES.values() for metric in metrics) if names else ():
            if epoch[metric] is not None and math.isfinite(epoch[metric]):
                found[epoch["stage"], group, metric, epoch["epoch"]].append(epoch[metric])
    return [
        {
            "stage": stage,
            "g": group,
            "kind": kind,
            "metric": metric.removesuffix(f"_{kind}").replace("_", " "),
            "epoch": number + 1,
            "mean": round(sum(values) / len(values), 5),
            "low": round(min(values), 5),
            "high": round(max(values), 5),
            "stages": len(values),
        }
        for (stage, group, metric, number), values in sorted(found.items())
        for kind in MEASURES
        if metric.endswith(kind)
    ]


def _find_groups(study: Study) -> dict[str, set[str]]:
    """Key of each stage that makes a model -> the groups of the models that are built on it."""
    colour, _ = choose_groups(study)
    groups: dict[str, set[str]] = defaultdict(set)
    for entry in study.measured.values():
        for row in entry.rows:
            for kind in MODEL_KINDS:
                if row[f"{kind}_key"]:
                    groups[row[f"{kind}_key"]].add(colour.of(entry))
    return groups
