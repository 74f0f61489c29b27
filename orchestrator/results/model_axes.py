"""What tells ways to make a model apart: columns of the trials table, and settings by their dotted paths."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from orchestrator.results.tradeoff import (
    AXES,
    HEADINGS,
    find_shown_paths,
    find_varying_axes,
    format_setting,
    list_leaf_settings,
)
from tasks.trial.row import Row

TRAINING_AXES = tuple(axis for axis in AXES if not axis.startswith("attack"))


def find_model_axes(models: Sequence[Row], leaves: Sequence[Mapping[str, Any]]) -> tuple[list[str], list[str]]:
    """The columns along which models differ, and the paths that tell apart those that are alike in every column.

    :param models: a row of each.
    :param leaves: path -> value, of the settings that make each.
    """
    axes = [axis for axis in find_varying_axes(models) if axis in TRAINING_AXES]
    return axes, find_shown_paths([tuple(row[axis] for axis in TRAINING_AXES) for row in models], leaves)


def select_leaves(leaves: Mapping[str, Any], *, attack: bool) -> dict[str, Any]:
    """The settings of the attack, or those that make the model; never the seed."""
    return {path: value for path, value in leaves.items() if path.startswith("attack.") is attack and path != "seed"}


def describe_model(row: Row, models: Sequence[Row]) -> tuple[str, ...]:
    """What tells a model from others, such as `pruned 0.4` and `objective trades`, by the headings of the table; what
    it lacks is left out, but for transformations at inference: the bare model stands beside those behind some.

    :param models: a row of each, of this one too.
    """
    leaves = [select_leaves(list_leaf_settings(json.loads(model["config"])), attack=False) for model in models]
    axes, paths = find_model_axes(models, leaves)
    own = list_leaf_settings(json.loads(row["config"]))
    values = {axis: row[axis] for axis in axes} | {path: own.get(path) for path in paths}
    return tuple(
        f"no {axis}" if value is None else f"{HEADINGS.get(axis, axis)} {format_setting(axis, value)}"
        for axis, value in values.items()
        if value is not None or axis == "transformations"
    )
