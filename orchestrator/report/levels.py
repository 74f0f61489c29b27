"""Accuracy at each value of one axis, averaged over everything else within each seed."""

from __future__ import annotations

import statistics
from collections import defaultdict
from dataclasses import dataclass
from typing import Any

from orchestrator.report.study import Axis, Study, make_sort_key
from orchestrator.results.statistics import Interval, estimate_mean

FIRST = ("pruning_ratio", "lambda", "eps_train")
MOST_LEVELS = 24


@dataclass(frozen=True)
class Level:
    """One value of an axis under the headline attack."""

    value: Any
    clean: Interval
    """Over seeds."""
    robust: Interval


def choose_axes(study: Study) -> list[Axis]:
    """Axes of the training, those that people ask about first; without those that have too many values."""
    found = [axis for axis in study.training_axes if axis.name != "dataset"]
    ordered = sorted(found, key=lambda axis: FIRST.index(axis.name) if axis.name in FIRST else len(FIRST))
    return [axis for axis in ordered if len({c.values[axis.name] for c in study.configurations}) <= MOST_LEVELS]


def measure_levels(study: Study, axis: Axis) -> list[Level]:
    """Each value of the axis, ascending, with the mean over all other settings within each seed, then over seeds."""
    clean: dict[Any, dict[int, list[float]]] = defaultdict(lambda: defaultdict(list))
    robust: dict[Any, dict[int, list[float]]] = defaultdict(lambda: defaultdict(list))
    for entry in study.under(study.headline):
        value = entry.configuration.values[axis.name]
        for row in entry.rows:
            clean[value][row["seed"]].append(row["clean_accuracy"])
            robust[value][row["seed"]].append(row["robust_accuracy"])
    return [
        Level(value, _average_over_seeds(clean[value]), _average_over_seeds(robust[value]))
        for value in sorted(clean, key=make_sort_key)
    ]


def _average_over_seeds(found: dict[int, list[float]]) -> Interval:
    return estimate_mean([statistics.fmean(values) for values in found.values()])
