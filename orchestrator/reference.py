"""A paper's numbers beside the measured ones, and whether they agree."""

from __future__ import annotations

import json
import math
import statistics
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from orchestrator.tables import percent
from tasks.metrics import wilson
from tasks.row import Row
from tasks.settings import parse_number

MEASURES = {"clean_accuracy": "clean_correct", "robust_accuracy": "robust_correct"}
COLUMNS = ("what", "of", "paper", "measured", "95 % interval", "seeds", "images", "agree")


@dataclass(frozen=True)
class Comparison:
    """One number of a paper."""

    source: str
    measure: str
    paper: float
    measured: float | None
    """Over all images of all seeds; null where no trial matches."""
    low: float | None
    high: float | None
    seeds: int
    images: int

    spread: tuple[float, float] | None
    """Where 95 % of further single runs would lie, judged by the seeds; null where there is one."""

    @property
    def agreement(self) -> str:
        """Whether the paper's number lies in the interval, or at least within what seeds alone change."""
        if self.low is None or self.high is None:
            return "not measured"
        if self.low <= self.paper <= self.high:
            return "yes"
        if self.spread and self.spread[0] <= self.paper <= self.spread[1]:
            return "within seeds"
        return "no"

    def cells(self) -> list[str]:
        """A line of the table."""
        interval = "-" if self.low is None else f"{percent(self.low)} .. {percent(self.high)}"
        what = self.measure.replace("_", " ")
        return [
            self.source,
            what,
            percent(self.paper),
            percent(self.measured),
            interval,
            str(self.seeds),
            str(self.images),
            self.agreement,
        ]


def compare(reference: Sequence[dict[str, Any]], rows: Sequence[Row]) -> list[Comparison]:
    """Every number of the reference against the finished rows that its `match` names, pooled over seeds.

    A key of `match` is a column of the trials table, or a dotted path into the trial's configuration; null matches
    null.
    """
    finished = [row for row in rows if row["status"] == "finished"]
    found = []
    for entry in reference:
        matching = [row for row in finished if _matches(row, entry.get("match") or {})]
        for measure, column in MEASURES.items():
            if measure in entry:
                found.append(_comparison(entry, measure, column, matching))
    return found


def _comparison(entry: dict[str, Any], measure: str, column: str, rows: Sequence[Row]) -> Comparison:
    correct, images = sum(row[column] for row in rows), sum(row["examples"] for row in rows)
    low, high = wilson(correct, images)
    measured = correct / images if images else None
    spread = prediction_interval([row[measure] for row in rows])
    paper = float(str(parse_number(entry[measure])))
    return Comparison(str(entry.get("source", "")), measure, paper, measured, low, high, len(rows), images, spread)


def prediction_interval(rates: Sequence[float]) -> tuple[float, float] | None:
    """Where a further run lies with 95 % probability if runs vary normally (Student's t); null below two runs."""
    if len(rates) < 2:
        return None
    from scipy.stats import t

    count = len(rates)
    half = float(t.ppf(0.975, count - 1)) * statistics.stdev(rates) * math.sqrt(1 + 1 / count)
    middle = statistics.fmean(rates)
    return middle - half, middle + half


def _matches(row: Row, match: dict[str, Any]) -> bool:
    config = json.loads(row["config"])
    return all(_equal(_value(row, config, path), wanted) for path, wanted in match.items())


def _value(row: Row, config: dict[str, Any], path: str) -> Any:
    """The value at a path: a column where there is one of that name, else a setting."""
    if path in row:
        return row[path]
    node: Any = config
    for name in path.split("."):
        node = node.get(name) if isinstance(node, dict) else None
    return node


def _equal(value: Any, wanted: Any) -> bool:
    if value is None or wanted is None or isinstance(value, (str, bool)):
        return bool(value == wanted)
    try:
        return abs(float(value) - float(str(parse_number(wanted)))) < 1e-9
    except (TypeError, ValueError):
        return False
