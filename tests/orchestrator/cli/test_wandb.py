"""`advsweep wandb sync` and `advsweep wandb report`."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from orchestrator.store.sweep_store import SweepStore
from orchestrator.tracking import commands, reports
from tests.orchestrator.cli.conftest import Finished


@pytest.mark.parametrize("all_sent", [True, False])
def test_sync_sends_for_so_many_seconds(finished: Finished, all_sent: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[tuple[str, float]] = []

    def send(sweep: SweepStore, seconds: float, say: Callable[[str], None]) -> bool:
        asked.append((sweep.sweep_id, seconds))
        say("3/4 runs sent")
        return all_sent

    monkeypatch.setattr(commands, "sync", send)
    assert finished.ask("wandb", "sync", "four", code=0 if all_sent else 1).stdout == "3/4 runs sent\n"
    finished.ask("wandb", "sync", "four", "--limit", "12.5", code=0 if all_sent else 1)
    assert asked == [(finished.sweep.sweep_id, 600.0), (finished.sweep.sweep_id, 12.5)]
    finished.ask("wandb", "sync", "four", "--limit", "0", code=2)


def test_a_report_goes_to_the_project_that_was_named(finished: Finished, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[tuple[str | None, str | None]] = []

    def make(sweep: SweepStore, project: str | None, entity: str | None, say: Callable[[str], None]) -> None:
        asked.append((project, entity))
        say(f"a report of {sweep.sweep_id}")

    monkeypatch.setattr(reports, "report", make)
    assert finished.ask("wandb", "report", "four").stdout == f"a report of {finished.sweep.sweep_id}\n"
    finished.ask("wandb", "report", "four", "--project", "robust", "--entity", "lab")
    assert asked == [(None, None), ("robust", "lab")]
