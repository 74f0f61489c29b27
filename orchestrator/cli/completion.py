"""What the shell offers when a user presses the tab key: names of spaces, sweeps and trials."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable
from typing import Any

import typer

from orchestrator.options import DEFAULT_STORAGE


def complete_space(incomplete: str) -> list[str]:
    """The shipped spaces that begin so."""
    from orchestrator.space.space import list_shipped

    return [name for name in list_shipped() if name.startswith(incomplete)]


def complete_sweep(context: typer.Context, incomplete: str) -> list[str]:
    """The sweeps of the storage that begin so; none where it cannot be read."""
    with contextlib.suppress(Exception):
        from orchestrator.store.sweep_store import list_sweeps

        return [name for name in list_sweeps(_open_storage(context)) if name.startswith(incomplete)]
    return []


def complete_trial(context: typer.Context, incomplete: str) -> list[str]:
    """The trials of the storage that begin so, by short ids; none where it cannot be read."""
    with contextlib.suppress(Exception):
        from orchestrator.store.identifiers import shorten_ids
        from orchestrator.store.sweep_store import iterate_plans

        plans = [plan for _, plan in iterate_plans(_open_storage(context))]
        short = shorten_ids(trial["trial_id"] for plan in plans for trial in plan["trials"])
        return sorted(name for trial_id, name in short.items() if trial_id.startswith(incomplete))
    return []


def _open_storage(context: typer.Context) -> Any:
    from tasks.storage.storage import open_storage

    return open_storage(context.params.get("storage") or os.environ.get("ADVSWEEP_STORAGE") or DEFAULT_STORAGE)


COMPLETIONS: dict[str, Callable[..., list[str]]] = {
    "space": complete_space,
    "sweep": complete_sweep,
    "sweeps": complete_sweep,
    "trial": complete_trial,
    "first": complete_trial,
    "second": complete_trial,
}
"""Parameter of a command -> what completes it."""
