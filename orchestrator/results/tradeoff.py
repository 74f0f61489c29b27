"""The trade-off table: clean against robust accuracy per configuration, mean and spread over seeds."""

from __future__ import annotations

import json
import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from orchestrator.results.checks.verdict import NOT_TESTED, OK, SUSPICIOUS
from orchestrator.text import format_percent, format_table, make_sort_key
from tasks.trial.row import Row

AXES = (
    "dataset", "model", "pruning_ratio", "lambda", "eps_train", "train_steps", "objective",
    "attack", "attack_surrogate", "attack_norm", "attack_eps", "attack_steps",
)  # fmt: skip
MEASURED = ("seeds", "examples", "clean accuracy", "robust accuracy", "verdict")
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
            _find_worst([row["verdict"] for row in group]),
            tuple(row["clean_accuracy"] for row in group),
            tuple(row["robust_accuracy"] for row in group),
            sum(row["examples"] for row in group),
        )
        for group in groups.values()
    ]
    return sorted(found, key=lambda cell: [make_sort_key(cell.row[axis]) for axis in AXES])


def _find_worst(found: Sequence[str | None]) -> str:
    return next((verdict for verdict in (SUSPICIOUS, OK, NOT_TESTED) if verdict in found), "-")


def find_varying_axes(found: Sequence[Cell]) -> list[str]:
    """The columns along which the configurations differ; without the objective where lambda tells it already."""
    axes = [axis for axis in AXES if len({cell.row[axis] for cell in found}) > 1]
    told = {(cell.row["lambda"], cell.row["objective"]) for cell in found}
    follows = "lambda" in axes and len(told) == len({share for share, _ in told})
    return [axis for axis in axes if axis != "objective" or not follows]


def find_distinguishing_settings(found: Sequence[Cell]) -> list[str]:
    """Settings, as dotted paths, that tell apart configurations which are alike in every column."""
    leaves = [list_leaf_settings(json.loads(cell.row["config"])) for cell in found]
    return find_distinguishing_paths([tuple(cell.row[axis] for axis in AXES) for cell in found], leaves)


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
    if not isinstance(node, dict):
        return {path: str(node) if isinstance(node, list) else node}
    return {
        leaf: value
        for name, child in node.items()
        for leaf, value in list_leaf_settings(child, f"{path}.{name}" if path else name).items()
    }


def render_tradeoff(rows: Sequence[Row], most: int | None = None) -> str:
    """A line per configuration; axes that never change stand above the table.

    :param most: lines to show; what is left out is counted below them.
    """
    found = group_cells(rows)
    if not found:
        return "no finished trials yet"
    axes, more = find_varying_axes(found), find_distinguishing_settings(found)
    first = found[0].row
    fixed = [
        f"{axis} {format_setting(axis, first[axis])}"
        for axis in AXES
        if first[axis] is not None and len({cell.row[axis] for cell in found}) == 1
    ]
    columns = [*(HEADINGS.get(axis, axis) for axis in axes), *more, *MEASURED]
    if more:
        found = sorted(found, key=lambda cell: [make_sort_key(value) for value in _list_values(cell, axes, more)])
    lines = [_format_line(cell, axes, more) for cell in found[:most]]
    left_out = f"\n... and {len(found) - len(lines)} more cells" if len(lines) < len(found) else ""
    heading = f"{', '.join(fixed)}; test split, mean ± standard deviation over seeds"
    return f"{heading}\n{format_table(columns, lines)}{left_out}"


def _list_values(cell: Cell, axes: Sequence[str], more: Sequence[str]) -> list[Any]:
    leaves = list_leaf_settings(json.loads(cell.row["config"])) if more else {}
    return [*(cell.row[axis] for axis in axes), *(leaves.get(path) for path in more)]


def _format_line(cell: Cell, axes: Sequence[str], more: Sequence[str]) -> list[str]:
    names = [*axes, *more]
    settings = [format_setting(name, value) for name, value in zip(names, _list_values(cell, axes, more), strict=True)]
    return [
        *settings,
        str(len(cell.clean)),
        str(cell.examples),
        format_spread(cell.clean),
        format_spread(cell.robust),
        cell.verdict,
    ]


def format_spread(values: Sequence[float]) -> str:
    """`97.40 ± 0.21 %`; without the spread where there is one seed."""
    if len(values) < 2:
        return format_percent(values[0])
    return f"{100 * statistics.fmean(values):.2f} ± {100 * statistics.stdev(values):.2f} %"


def find_best(rows: Sequence[Row]) -> Cell | None:
    """The configuration whose mean of clean and robust accuracy is highest at the strongest attack that was run."""
    found = group_cells(rows)
    if not found:
        return None
    hardest = max((cell.row["attack_eps"] or 0.0, cell.row["attack_steps"] or 0) for cell in found)
    at = [cell for cell in found if (cell.row["attack_eps"] or 0.0, cell.row["attack_steps"] or 0) == hardest]
    return max(at, key=lambda cell: sum(cell.mean))


def describe_cell(cell: Cell) -> str:
    """One line: what it is and what it reaches."""
    clean, robust = cell.mean
    named = (("pruned", "pruning_ratio"), ("lambda", "lambda"), ("eps_train", "eps_train"), ("eps", "attack_eps"))
    settings = ", ".join(f"{name} {format_setting(axis, cell.row[axis])}" for name, axis in named)
    return (
        f"clean {format_percent(clean)}, robust {format_percent(robust)} ({settings}, {cell.row['attack_steps']} steps)"
    )


def format_setting(axis: str, value: Any) -> str:
    """Budgets are shown in whole 255ths where that is shorter."""
    if value is None:
        return "-"
    text = f"{value:g}" if isinstance(value, float) else str(value)
    if axis in ("eps_train", "attack_eps") and abs(value * 255 - round(value * 255)) < 1e-9:
        return min(text, f"{round(value * 255)}/255", key=len)
    return text
