"""The values that an axis takes in a study."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from orchestrator.report.analysis.study import Axis, Study
from orchestrator.text import make_sort_key

FIRST = ("pruning_ratio", "lambda", "eps_train")
"""The axes that people ask about first."""
MOST_LEVELS = 24
"""An axis with more values than these has no panel of its own."""


@dataclass(frozen=True)
class Levels:
    """The values along one axis."""

    axis: Axis
    texts: tuple[str, ...]
    """As people read them, ascending."""
    by_configuration: Mapping[str, int]
    """Key of a configuration -> place in `texts`."""


def choose_axes(study: Study) -> list[Axis]:
    """Axes of the training, those that people ask about first; without those that have too many values."""
    found = [axis for axis in study.training_axes if axis.name != "dataset"]
    ordered = sorted(found, key=lambda axis: FIRST.index(axis.name) if axis.name in FIRST else len(FIRST))
    return [axis for axis in ordered if len(list_levels(study, axis).texts) <= MOST_LEVELS]


def list_levels(study: Study, axis: Axis) -> Levels:
    """The values of all configurations along an axis of the training."""
    values = {c.key: _make_hashable(c.values[axis.name]) for c in study.configurations}
    texts = tuple(dict.fromkeys(axis.format_value(value) for value in sorted(set(values.values()), key=make_sort_key)))
    return Levels(axis, texts, {key: texts.index(axis.format_value(value)) for key, value in values.items()})


def _make_hashable(value: Any) -> Any:
    return str(value) if isinstance(value, (list, dict)) else value
