"""The trade-off table: clean against robust accuracy per configuration, mean and spread over seeds."""

from __future__ import annotations

import json
import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from orchestrator.results.checks.verdict import find_worst
from orchestrator.results.eps import format_row_eps
from orchestrator.results.listing import Column, Listing
from orchestrator.store.identifiers import shorten_ids
from orchestrator.text import format_percent, make_sort_key
from tasks.trial.row import Row

AXES = (
    "dataset", "model", "pruning_ratio", "lambda", "train_attack", "eps_train", "train_steps", "objective",
    "transformations", "attack", "attack_surrogate", "attack_norm", "attack_eps", "attack_steps",
)  # fmt: skip
TUNING = ("train_attack", "eps_train", "train_steps")
"""Columns about the examples of a training."""
FOLLOWS = {"objective": "lambda", "attack_norm": "attack"}
"""Columns that say nothing new where each value of the other has one of theirs."""
STAGES = ("train", "prune", "finetune", "adversarial_finetune")
"""Sections of the settings that make a model, step by step."""
TOLD = frozenset({"objective", "attack", "validation_attack", "ensemble", "lambda", "ratio", "checkpoint_every"})
"""Names in these sections that columns tell of, or that change nothing."""
BUDGETS = ("eps_train", "attack_eps", "eps_in_pixels")
NOTHING_YET = "no finished trials yet"
HEADINGS = {"pruning_ratio": "pruned", "eps_train": "eps_train", "attack_eps": "eps", "attack_steps": "steps"}


@dataclass(frozen=True)
class Cell:
    """All replicates of one configuration."""

    row: Row
    """One of them: the settings are the same in all."""
    verdict: str
    """The worst of the replicates; `-` before the checks have run."""
    clean: tuple[float, ...]
    robust: tuple[float, ...]
    examples: int
    trials: tuple[str, ...]
    """Their ids."""

    @property
    def mean(self) -> tuple[float, float]:
        """Mean clean and robust accuracy over the seeds."""
        return statistics.fmean(self.clean), statistics.fmean(self.robust)


def group_cells(rows: Sequence[Row]) -> list[Cell]:
    """Finished rows by configuration, in the order of the axes."""
    groups: dict[str, list[Row]] = {}
    for row in rows:
        if row["status"] == "finished":
            groups.setdefault(row["replicate_id"], []).append(row)
    found = [
        Cell(
            group[0],
            find_worst([row["verdict"] for row in group]),
            tuple(row["clean_accuracy"] for row in group),
            tuple(row["robust_accuracy"] for row in group),
            sum(row["examples"] for row in group),
            tuple(row["trial_id"] for row in group),
        )
        for group in groups.values()
    ]
    return sorted(found, key=lambda cell: [make_sort_key(cell.row[axis]) for axis in AXES])


def find_varying_axes(rows: Sequence[Row]) -> list[str]:
    """The columns along which configurations differ, without those that another one tells already.

    Those are the objective where it follows from lambda, the norm where it follows from the attack, and a column that
    is either null or one value, where an earlier one is null in the same rows, or where it says of the training what
    follows from lambda: that lambda is null or 0 says as much.
    """
    axes = [axis for axis in AXES if len({row[axis] for row in rows}) > 1]
    kept: list[str] = []
    present: list[tuple[bool, ...]] = []
    for axis in axes:
        where, told = tuple(row[axis] is not None for row in rows), FOLLOWS.get(axis)
        single = len({row[axis] for row in rows} - {None}) == 1
        follows = _is_determined(axis, "lambda", rows) if single and axis in TUNING and "lambda" in kept else False
        follows = follows or (told in axes and _is_determined(axis, str(told), rows))
        if not follows and not (single and where in present):
            kept.append(axis)
            present.append(where)
    return kept


def _is_determined(axis: str, by: str, rows: Sequence[Row]) -> bool:
    return len({(row[by], row[axis]) for row in rows}) == len({row[by] for row in rows})


def find_distinguishing_settings(found: Sequence[Cell]) -> list[str]:
    """Settings, as dotted paths, that tell apart configurations which are alike in every column."""
    leaves = [list_leaf_settings(json.loads(cell.row["config"])) for cell in found]
    return find_shown_paths([tuple(cell.row[axis] for axis in AXES) for cell in found], leaves)


def find_shown_paths(labels: Sequence[tuple[Any, ...]], leaves: Sequence[Mapping[str, Any]]) -> list[str]:
    """The paths that tell apart what bears the same label, and every setting of a stage that has two values or more: a
    reader cannot know from a ratio or an importance in which layers it prunes.

    That a stage is absent is no value, and a setting whose values a column repeats is left out.
    """
    found = find_distinguishing_paths(labels, leaves)
    rest = sorted({path for leaf in leaves for path in leaf if is_stage_setting(path)} - {*found})
    return [*found, *(path for path in rest if _is_news(path, labels, leaves))]


def is_stage_setting(path: str) -> bool:
    """Whether it says how a stage of the model's chain is run, and no column tells it."""
    section, *names = path.split(".")
    return section in STAGES and not TOLD.intersection(names)


def _is_news(path: str, labels: Sequence[tuple[Any, ...]], leaves: Sequence[Mapping[str, Any]]) -> bool:
    stated = [(label, leaf[path]) for label, leaf in zip(labels, leaves, strict=True) if leaf.get(path) is not None]
    if len({value for _, value in stated}) < 2:
        return False
    return not any(all(label[place] == value for label, value in stated) for place in range(len(stated[0][0])))


def find_distinguishing_paths(labels: Sequence[tuple[Any, ...]], leaves: Sequence[Mapping[str, Any]]) -> list[str]:
    """Paths whose values tell apart what bears the same label; as few as a walk in alphabetical order finds."""
    chosen: list[str] = []
    for path in sorted({path for leaf in leaves for path in leaf} - {"seed"}):
        if len(set(labels)) == len(labels):
            break
        finer = [(*label, leaf.get(path)) for label, leaf in zip(labels, leaves, strict=True)]
        if len(set(finer)) > len(set(labels)):
            labels, chosen = finer, [*chosen, path]
    return chosen


def list_leaf_settings(node: Any, path: str = "") -> dict[str, Any]:
    """Path -> value of every setting below a node of a configuration; lists as text."""
    found: dict[str, Any] = {}
    _collect_leaves(node, path, found)
    return found


def _collect_leaves(node: Any, path: str, found: dict[str, Any]) -> None:
    if isinstance(node, dict):
        for name, child in node.items():
            _collect_leaves(child, f"{path}.{name}" if path else name, found)
    else:
        found[path] = str(node) if isinstance(node, list) else node


def render_tradeoff(rows: Sequence[Row], most: int | None = None) -> str:
    """A line per configuration; axes that never change stand above the table.

    :param most: lines to show; what is left out is counted below them.
    """
    if not any(row["status"] == "finished" for row in rows):
        return NOTHING_YET
    return f"{describe_fixed_axes(rows)}\n{list_cells(rows).cut(most).render('table')}"


def describe_fixed_axes(rows: Sequence[Row]) -> str:
    """What stands above a table of cells: the settings that never change, and what its numbers are."""
    found = [row for row in rows if row["status"] == "finished"]
    first = found[0]
    fixed = [
        f"{axis} {format_column(axis, first)}"
        for axis in AXES
        if first[axis] is not None and len({format_column(axis, row) for row in found}) == 1
    ]
    return f"{', '.join(fixed)}; test split, mean ± standard deviation over seeds"


def list_cells(rows: Sequence[Row]) -> Listing:
    """A line for each configuration under one attack, with the trials that it is the mean of."""
    found = group_cells(rows)
    axes = find_varying_axes([cell.row for cell in found])
    more = find_distinguishing_settings(found)
    if more:
        found = sorted(found, key=lambda cell: [make_sort_key(value) for value in _list_values(cell, axes, more)])
    columns = [Column(axis, HEADINGS.get(axis, axis)) for axis in (*axes, *more)]
    columns += [Column("seeds", "seeds"), Column("examples", "examples")]
    columns += [Column(name, name.replace("_", " "), measured=True) for name in ("clean_accuracy", "robust_accuracy")]
    columns += [Column("verdict", "verdict"), Column("trials", "trials")]
    short = shorten_ids(row["trial_id"] for row in rows)
    return Listing(columns, [_list_cell(cell, axes, more, short) for cell in found], unit="cells")


def _list_values(cell: Cell, axes: Sequence[str], more: Sequence[str]) -> list[Any]:
    leaves = list_leaf_settings(json.loads(cell.row["config"])) if more else {}
    return [*(cell.row[axis] for axis in axes), *(leaves.get(path) for path in more)]


def _list_cell(
    cell: Cell, axes: Sequence[str], more: Sequence[str], short: Mapping[str, str]
) -> tuple[list[Any], list[str]]:
    values = _list_values(cell, axes, more)
    settings = [format_column(axis, cell.row) for axis in axes]
    settings += [format_setting(name, value) for name, value in zip(more, values[len(axes) :], strict=True)]
    count, trials = len(cell.clean), " ".join(short[trial_id] for trial_id in cell.trials)
    texts = [str(count), str(cell.examples), format_spread(cell.clean), format_spread(cell.robust)]
    return (
        [*values, count, cell.examples, *cell.mean, cell.verdict, trials],
        [*settings, *texts, cell.verdict, trials],
    )


def format_spread(values: Sequence[float]) -> str:
    """`97.40 ± 0.21 %`; without the spread where there is one seed."""
    if len(values) < 2:
        return format_percent(values[0])
    return f"{100 * statistics.fmean(values):.2f} ± {100 * statistics.stdev(values):.2f} %"


def format_column(axis: str, row: Row) -> str:
    """A column of a row for people: of a budget in pixels, with its own unit where that is another."""
    if axis == "attack_eps":
        return format_row_eps(row, lambda eps: format_setting(axis, eps))
    return format_setting(axis, row[axis])


def format_setting(axis: str, value: Any) -> str:
    """Budgets are shown in whole 255ths where that is shorter."""
    if value is None:
        return "-"
    text = f"{value:g}" if isinstance(value, float) else str(value)
    if axis in BUDGETS and abs(value * 255 - round(value * 255)) < 1e-9:
        return min(text, f"{round(value * 255)}/255", key=len)
    return text
