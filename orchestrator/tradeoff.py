"""The trade-off table: clean against robust accuracy per configuration, mean and spread over seeds."""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from orchestrator.tables import percent, text_table
from tasks.row import Row

AXES = (
    "dataset", "model", "pruning_ratio", "lambda", "eps_train", "train_steps",
    "attack", "attack_norm", "attack_eps", "attack_steps",
)  # fmt: skip
HEADINGS = {"pruning_ratio": "pruned", "eps_train": "eps_train", "attack_eps": "eps", "attack_steps": "steps"}


@dataclass(frozen=True)
class Cell:
    """All replicates of one configuration."""

    row: Row
    """One of them: the settings are the same in all."""
    clean: tuple[float, ...]
    robust: tuple[float, ...]
    examples: int

    @property
    def mean(self) -> tuple[float, float]:
        """Mean clean and robust accuracy over the seeds."""
        return statistics.fmean(self.clean), statistics.fmean(self.robust)


def cells(rows: Sequence[Row]) -> list[Cell]:
    """Finished rows by configuration, in the order of the axes."""
    groups: dict[str, list[Row]] = {}
    for row in rows:
        if row["status"] == "finished":
            groups.setdefault(row["replicate_id"], []).append(row)
    found = [
        Cell(
            group[0],
            tuple(row["clean_accuracy"] for row in group),
            tuple(row["robust_accuracy"] for row in group),
            sum(row["examples"] for row in group),
        )
        for group in groups.values()
    ]
    return sorted(found, key=lambda cell: [_sortable(cell.row[axis]) for axis in AXES])


def varying_axes(found: Sequence[Cell]) -> list[str]:
    """The axes along which the configurations differ."""
    return [axis for axis in AXES if len({cell.row[axis] for cell in found}) > 1]


def tradeoff_table(rows: Sequence[Row]) -> str:
    """A line per configuration; axes that never change stand above the table."""
    found = cells(rows)
    if not found:
        return "no finished trials yet"
    axes = varying_axes(found)
    fixed = [f"{axis} {_setting(axis, found[0].row[axis])}" for axis in AXES
             if axis not in axes and found[0].row[axis] is not None]  # fmt: skip
    columns = [*(HEADINGS.get(axis, axis) for axis in axes), "seeds", "examples", "clean accuracy", "robust accuracy"]
    lines = [
        [*(_setting(axis, cell.row[axis]) for axis in axes), str(len(cell.clean)), str(cell.examples),
         spread(cell.clean), spread(cell.robust)]
        for cell in found
    ]  # fmt: skip
    table = text_table(columns, lines)
    return f"{', '.join(fixed)}; test split, mean ± standard deviation over seeds\n{table}"


def spread(values: Sequence[float]) -> str:
    """`97.40 ± 0.21 %`; without the spread where there is one seed."""
    if len(values) < 2:
        return percent(values[0])
    return f"{100 * statistics.fmean(values):.2f} ± {100 * statistics.stdev(values):.2f} %"


def best(rows: Sequence[Row]) -> Cell | None:
    """The configuration whose mean of clean and robust accuracy is highest at the strongest attack that was run."""
    found = cells(rows)
    if not found:
        return None
    hardest = max((cell.row["attack_eps"] or 0.0, cell.row["attack_steps"] or 0) for cell in found)
    at = [cell for cell in found if (cell.row["attack_eps"] or 0.0, cell.row["attack_steps"] or 0) == hardest]
    return max(at, key=lambda cell: sum(cell.mean))


def described(cell: Cell) -> str:
    """One line: what it is and what it reaches."""
    clean, robust = cell.mean
    named = (("pruned", "pruning_ratio"), ("lambda", "lambda"), ("eps_train", "eps_train"), ("eps", "attack_eps"))
    settings = ", ".join(f"{name} {_setting(axis, cell.row[axis])}" for name, axis in named)
    return f"clean {percent(clean)}, robust {percent(robust)} ({settings}, {cell.row['attack_steps']} steps)"


def _setting(axis: str, value: Any) -> str:
    """Budgets that are whole 255ths are shown as such."""
    if value is None:
        return "-"
    if axis in ("eps_train", "attack_eps") and 0 < value < 1 and abs(value * 255 - round(value * 255)) < 1e-9:
        return f"{round(value * 255)}/255"
    return f"{value:g}" if isinstance(value, float) else str(value)


def _sortable(value: Any) -> tuple[bool, Any]:
    return (value is not None, value if value is not None else 0)
