"""Which axes tell configurations apart at a glance: one by colour, one by shape."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from orchestrator.report.analysis.study import Axis, Configuration, Measured, Study
from orchestrator.text import make_sort_key

MOST = 10
"""More colours than these are not told apart."""
SHAPED = "pruning_ratio"
"""The axis that is shown by shape."""


@dataclass(frozen=True)
class Groups:
    """The configurations of a study by the values of some axes."""

    title: str
    levels: tuple[str, ...]
    by_configuration: Mapping[str, str]

    def of(self, entry: Measured) -> str:
        """The level that a configuration belongs to."""
        return self.by_configuration[entry.configuration.key]


def choose_groups(study: Study) -> tuple[Groups, Groups]:
    """Groups for colour and for shape: the pruning ratio by shape where it varies, all else by colour.

    Where all else has too many levels, the axis with the most levels that can still be told apart.
    """
    axes = study.training_axes
    shape = [axis for axis in axes if axis.name == SHAPED and len(_list_levels(study, [axis])) <= 7]
    rest = [axis for axis in axes if axis not in shape] or shape
    if len(_list_levels(study, rest)) > MOST:
        few = [axis for axis in rest if len(_list_levels(study, [axis])) <= MOST]
        rest = [max(few, key=lambda axis: len(_list_levels(study, [axis])))] if few else []
    return group_configurations(study, rest), group_configurations(study, shape if rest != shape else [])


def group_configurations(study: Study, axes: Sequence[Axis]) -> Groups:
    """The configurations by their values along these axes."""
    names = {configuration.key: name_level(configuration, axes) for configuration in study.configurations}
    levels = [name_level(configuration, axes) for configuration in _list_levels(study, axes).values()]
    return Groups(", ".join(axis.label for axis in axes), tuple(dict.fromkeys(levels)), names)


def name_level(configuration: Configuration, axes: Sequence[Axis]) -> str:
    """The values along these axes; several stand beside each other."""
    shown = [axis.format_value(configuration.values[axis.name]) for axis in axes]
    if shown and all(text == "none" for text in shown):
        return "none"
    return ", ".join(shown) or "all trials"


def _list_levels(study: Study, axes: Sequence[Axis]) -> dict[tuple[object, ...], Configuration]:
    """The distinct values along the axes in ascending order, with a configuration that has them."""
    ordered = sorted(
        study.configurations,
        key=lambda configuration: [make_sort_key(configuration.values[axis.name]) for axis in axes],
    )
    found: dict[tuple[object, ...], Configuration] = {}
    for configuration in ordered:
        found.setdefault(tuple(configuration.values[axis.name] for axis in axes), configuration)
    return found
