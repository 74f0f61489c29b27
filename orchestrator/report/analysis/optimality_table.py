"""How near each attack comes to the best of all: a table of the report, where a model met several attacks."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from orchestrator.results.optimality import AXES, MEASURED, list_optimality
from orchestrator.results.tradeoff import HEADINGS, format_setting
from orchestrator.store.sweep_store import SweepStore
from tasks.attacks.base import UNRESTRICTED
from tasks.trial.row import Row, identify_model


@dataclass(frozen=True)
class OptimalityTable:
    """What `results --optimality` answers, in words."""

    columns: tuple[str, ...]
    lines: tuple[tuple[str, ...], ...]


def build_optimality_table(sweep: SweepStore, rows: Sequence[Row]) -> OptimalityTable | None:
    """The best attack of each model first, without the columns that say the same of all; null where no model met two
    attacks of one norm: one alone is its own best.

    :param rows: the finished trials of the sweep.
    """
    met: dict[tuple[str, str], set[str]] = defaultdict(set)
    for row in rows:
        if row["attack_eps"] != 0 and row["attack_norm"] != UNRESTRICTED:
            met[identify_model(row), row["attack_norm"]].add(row["attack"])
    if all(len(attacks) < 2 for attacks in met.values()):
        return None
    columns, lines = list_optimality(sweep, rows)
    measured = len(columns) - len(MEASURED)
    shown = [
        place
        for place, name in enumerate(columns)
        if place >= measured or name == "attack" or len({str(line[place]) for line in lines}) > 1
    ]
    names = tuple(HEADINGS.get(columns[place], columns[place].replace("_", " ")) for place in shown)
    return OptimalityTable(
        names, tuple(tuple(_format(columns[place], line[place]) for place in shown) for line in lines)
    )


def _format(name: str, value: Any) -> str:
    if name in AXES or isinstance(value, (str, bool)):
        return format_setting(name, value)
    if value is None:
        return "-"
    return f"{value:.3f}" if isinstance(value, float) else str(value)
