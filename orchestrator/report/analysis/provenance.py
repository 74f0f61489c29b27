"""Where the numbers of a sweep come from: models, data, dates, versions, and the command that makes them again."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from orchestrator.space.space import format_resolved, list_shipped, load
from orchestrator.store.sweep_store import SweepStore
from tasks import paths
from tasks.errors import UnreadableError, UsageError
from tasks.trial.row import Row


@dataclass(frozen=True)
class Provenance:
    """What a reader needs to make the numbers again, as texts; `-` where nothing is finished."""

    models: str
    data: str
    """Names, sizes in pixels, and the beginnings of the fingerprints."""
    period: str
    """From the first start to the last end, UTC."""
    day: str
    """The last day."""
    versions: str
    devices: str
    command: str
    space: str
    """The search space as YAML, overrides included; empty where the storage has none."""


def describe_provenance(sweep: SweepStore, plan: Mapping[str, Any], rows: Sequence[Row]) -> Provenance:
    """What stands in the rows of the finished trials, and in the folder of the sweep.

    :param plan: the content of `plan.json`.
    """
    finished = [row for row in rows if row["status"] == "finished"]
    text = _read_space(sweep)
    starts, ends = ([row[name] for row in finished if row[name]] for name in ("started_at", "finished_at"))
    period = f"{min(starts):%d %b %Y %H:%M} to {max(ends):%d %b %Y %H:%M} UTC" if starts and ends else "-"
    return Provenance(
        _join(finished, lambda row: str(row["model"])),
        _join(finished, lambda row: _describe_data(row, plan)),
        period,
        f"{max(ends):%d %b %Y}" if ends else "-",
        _join(finished, lambda row: ", ".join(f"{name} {value}" for name, value in _read_versions(row).items())),
        _join(finished, lambda row: str(row["device"])),
        _find_command(str(plan["space"]), text),
        text,
    )


def _join(rows: Sequence[Row], describe: Callable[[Row], str]) -> str:
    """The distinct texts of the rows."""
    return "; ".join(sorted({describe(row) for row in rows} - {""})) or "-"


def _describe_data(row: Row, plan: Mapping[str, Any]) -> str:
    size = json.loads(row["config"])["dataset"].get("image_size")
    stage = plan["stages"].get(row["attack_key"], {})
    parts = [str(row["dataset"]), f"{size} x {size} pixels" if size else "", str(stage.get("data", ""))[:12]]
    return ", ".join(filter(None, parts))


def _read_versions(row: Row) -> Mapping[str, str]:
    """Those of advsweep and torch come first."""
    found: Mapping[str, str] = json.loads(row["versions"] or "{}")
    first = ("advsweep", "torch")
    return {name: found[name] for name in (*first, *(name for name in found if name not in first)) if name in found}


def _read_space(sweep: SweepStore) -> str:
    try:
        return sweep.storage.read(sweep.path(paths.SPACE)).decode()
    except (FileNotFoundError, UnicodeDecodeError, UnreadableError):
        return ""  # the report says of it what cannot be read


def _find_command(name: str, text: str) -> str:
    """The space by its name where it is as it was shipped, else as the file that the page holds."""
    try:
        shipped = name in list_shipped() and format_resolved(load(name)) == text
    except UsageError:
        shipped = False
    return f"advsweep launch --space {name}" if shipped else f"advsweep launch --space {name}.yaml"
