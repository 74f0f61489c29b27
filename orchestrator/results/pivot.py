"""The table of results at a glance: a line for each way to make a model, a column for each budget of each attack."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from orchestrator.results.bounds import is_lower_bound, select_attacks
from orchestrator.results.model_axes import find_model_axes, select_leaves
from orchestrator.results.tradeoff import (
    find_distinguishing_paths,
    find_varying_axes,
    format_column,
    format_setting,
    list_leaf_settings,
)
from orchestrator.text import make_sort_key
from tasks.attacks.registry import find_attack
from tasks.certificates.base import CertificateSettings
from tasks.certificates.registry import find_method
from tasks.evaluation.settings import OF_ATTACKS_ALONE
from tasks.trial.row import Row

THREAT_AXES = ("attack", "attack_surrogate", "attack_norm", "attack_eps_space", "attack_eps")
LADDER = ("attack.steps", "attack.step_size", "attack.batch_size", "attack.examples")
"""Settings along which a column takes the last: the most steps, on the most images."""
STOPS = "attack.stop_when_fooled"
Settings = tuple[str, ...]


@dataclass(frozen=True)
class Threat:
    """A column: one attack at one budget."""

    label: str
    """What tells it from the other columns."""
    name: str
    """In full."""


@dataclass(frozen=True)
class PivotLine:
    """One classifier: a way to make a model, and what stands before it."""

    settings: Sequence[Any]
    """Its values along the axes."""
    clean: Sequence[Row]
    """The rows that its clean accuracy is taken from, one for each seed."""
    cells: Mapping[Settings, Sequence[Row]]
    """Column -> the rows of its robust accuracy."""


@dataclass(frozen=True)
class Pivot:
    """What was measured, by what makes a classifier and by what attacks it."""

    axes: Sequence[str]
    """Columns and settings along which ways to make a model differ."""
    threats: Mapping[Settings, Threat]
    lines: Sequence[PivotLine]
    rows: Sequence[Row]
    """All of them."""


def build_pivot(rows: Sequence[Row]) -> Pivot:
    """Arrange finished rows. Of an attack that was run with several numbers of steps or images, the most count.

    A certificate is of the classifier that its column `transformations` names, whatever `inference` says: attacks on
    another one, such as the bare model, stand on a line of their own.
    """
    finished = [row for row in rows if row["status"] == "finished"]
    configs = {row["trial_id"]: _list_own_leaves(row) for row in finished}
    models: dict[Settings, list[Row]] = defaultdict(list)
    for row in finished:
        made = _identify(configs[row["trial_id"]], attack=False)
        classifier = (*made, str(row["transformations"]))
        models[classifier].append(row)
    if not is_stopping_varied(models.values(), configs):
        configs = {trial_id: _leave_out(leaves, STOPS) for trial_id, leaves in configs.items()}
    columns: dict[Settings, list[Row]] = defaultdict(list)
    for row in finished:
        columns[_identify(configs[row["trial_id"]], attack=True)].append(row)
    stated = {key: group for key, group in columns.items() if group[0]["attack_eps"] != 0 or is_lower_bound(group[0])}
    bounded = stated or columns
    threats = _name_threats(bounded, configs)
    firsts = [group[0] for group in models.values()]
    leaves = [select_leaves(configs[row["trial_id"]], attack=False) for row in firsts]
    axes, more = find_model_axes(firsts, leaves)
    lines = []
    for group, leaf in zip(models.values(), leaves, strict=True):
        values = [*(group[0][axis] for axis in axes), *(leaf.get(path) for path in more)]
        cells: dict[Settings, list[Row]] = defaultdict(list)
        for row in group:
            cells[_identify(configs[row["trial_id"]], attack=True)].append(row)
        clean = [row for row in select_attacks(group) or group if not row["only_correct"]]
        found = {key: _select_last(cells[key]) for key in threats.keys() & cells.keys()}
        lines.append(PivotLine(values, _select_last(clean or group), found))
    lines.sort(key=lambda line: [make_sort_key(value) for value in line.settings])
    return Pivot([*axes, *more], threats, lines, finished)


def _list_own_leaves(row: Row) -> dict[str, Any]:
    """The settings of a trial, of a certificate without those of attacks alone and those that make its classifier."""
    config = json.loads(row["config"])
    leaves = list_leaf_settings(config)
    if not is_lower_bound(row):
        return leaves
    method = find_method(config["attack"].get("name"))
    ours = method.of_classifier if method is not None and issubclass(method, CertificateSettings) else ()
    return _leave_out(leaves, *(f"attack.{name}" for name in (*OF_ATTACKS_ALONE, *ours)))


def _leave_out(leaves: Mapping[str, Any], *paths: str) -> dict[str, Any]:
    """:param paths: of settings, or of sections with all that is in them."""
    inside = tuple(f"{path}." for path in paths)
    return {at: value for at, value in leaves.items() if at not in paths and not at.startswith(inside)}


def is_stopping_varied(lines: Iterable[Sequence[Row]], configs: Mapping[str, Mapping[str, Any]]) -> bool:
    """Whether a classifier was attacked with and without `stop_when_fooled`; behind what is random, no attack stops,
    which makes a column of its own for nobody.

    :param lines: the rows of each classifier.
    :param configs: trial -> path -> value.
    """

    def count(rows: Sequence[Row], *paths: str) -> int:
        return len({_identify(_leave_out(configs[row["trial_id"]], *paths), attack=True) for row in rows})

    if len({leaves.get(STOPS) for leaves in configs.values()}) < 2:
        return False
    return any(count(rows, STOPS) < count(rows) for rows in lines)


def _identify(leaves: Mapping[str, Any], *, attack: bool) -> Settings:
    """The same for rows of one column, or of one way to make a model."""
    chosen = select_leaves(leaves, attack=attack)
    return tuple(f"{path}={chosen[path]}" for path in sorted(chosen) if path not in LADDER)


def _select_last(rows: Sequence[Row]) -> list[Row]:
    """Those of the most images and the most steps: one for each seed."""
    last = max((_rank(row) for row in rows), default=None)
    return list({row["seed"]: row for row in rows if _rank(row) == last}.values())


def _rank(row: Row) -> tuple[int, int]:
    return row["examples"], row["attack_steps"] or 0


def _name_threats(
    columns: Mapping[Settings, Sequence[Row]], configs: Mapping[str, Mapping[str, Any]]
) -> dict[Settings, Threat]:
    """The columns in order, each named by what varies among them."""
    firsts = {key: group[0] for key, group in columns.items()}
    varying = [axis for axis in find_varying_axes(list(firsts.values())) if axis in THREAT_AXES]
    several = varying and varying != ["attack_eps"]
    shown = [axis for axis in THREAT_AXES if axis in varying or axis == "attack_eps" or (several and axis == "attack")]
    leaves = {key: select_leaves(configs[row["trial_id"]], attack=True) for key, row in firsts.items()}
    leaves = {key: {path: leaf[path] for path in leaf if path not in LADDER} for key, leaf in leaves.items()}
    keys = sorted(firsts, key=lambda key: [make_sort_key(firsts[key][axis]) for axis in THREAT_AXES])
    labels = [tuple(firsts[key][axis] for axis in THREAT_AXES) for key in keys]
    more = find_distinguishing_paths(labels, [leaves[key] for key in keys])
    return {
        key: Threat(
            _mark_bound(firsts[key], _join_label(firsts[key], shown, leaves[key], more) or name_attack(firsts[key])),
            _mark_bound(firsts[key], _join_values(firsts[key], THREAT_AXES, leaves[key], more)),
        )
        for key in keys
    }


def _mark_bound(row: Row, name: str) -> str:
    """What is certified is more than what withstands an attack."""
    return f"certified {name}" if is_lower_bound(row) else name


def name_attack(row: Row) -> str:
    """`pgd`; of one that has a form of its own for models that answer at random, and runs in it, `autoattack rand`."""
    form = _get_random_form(row)
    if not form or not form.items() <= json.loads(row["config"])["attack"].items():
        return str(row["attack"])
    return " ".join([row["attack"], *map(str, form.values())])


def _get_random_form(row: Row) -> Mapping[str, Any]:
    attack = find_attack(row["attack"])
    return (attack.random_form if attack else None) or {}


def _join_label(row: Row, axes: Sequence[str], leaves: Mapping[str, Any], more: Sequence[str]) -> str:
    """For people: the budget in pixels, with its own unit where that is another."""
    shown = [axis for axis in axes if row[axis] is not None and axis != "attack_eps_space"]
    more = [path for path in more if path.removeprefix("attack.") not in _get_random_form(row)]
    known = [name_attack(row) if axis == "attack" else format_column(axis, row) for axis in shown]
    return " ".join([*known, *_list_more(leaves, more)])


def _join_values(row: Row, axes: Sequence[str], leaves: Mapping[str, Any], more: Sequence[str]) -> str:
    values = [format_setting(axis, row[axis]) for axis in axes if row[axis] is not None and row[axis] != "pixel"]
    return " ".join([*values, *_list_more(leaves, more)])


def _list_more(leaves: Mapping[str, Any], more: Sequence[str]) -> Iterator[str]:
    yield from (_format_setting(path, leaves.get(path)) for path in more if leaves.get(path))


def _format_setting(path: str, value: Any) -> str:
    """`momentum 0.9`; of what is switched on, its name alone."""
    name = path.removeprefix("attack.")
    return name if value is True else f"{name} {value}"
