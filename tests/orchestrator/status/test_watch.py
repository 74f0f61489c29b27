"""Watching sweeps that run elsewhere: as lines, and as a live display."""

from __future__ import annotations

import io
import time

import pytest
from rich.console import Console

from orchestrator.status import watch
from orchestrator.store.sweep_store import SweepStore
from tests.support.driver_signs import beating


def test_watching_ends_with_the_sweep(
    sweep: SweepStore, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    driver, looks = beating(sweep), list[float]()

    def sleep(seconds: float) -> None:
        looks.append(seconds)
        if len(looks) == 3:
            driver.end("interrupted")

    monkeypatch.setattr(time, "sleep", sleep)
    watch.follow(sweep.storage, None, Console(file=io.StringIO()), as_json=False)
    *lines, _, _, last, _ = [*capsys.readouterr().out.splitlines(), ""]
    assert len(looks) == 3
    assert [line for line in lines if line.startswith(sweep.sweep_id)] == [
        f"{sweep.sweep_id}: trials 0/8, jobs 6/14, reused 3, ETA 1 min 30 s; train abababab on node7 pid 42"
    ], "it is not said again while nothing but time passes"
    assert "stopped" in last


def test_the_live_display_shows_one_panel_and_leaves_the_table(
    sweep: SweepStore, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    driver, screen = beating(sweep), io.StringIO()
    monkeypatch.setattr(time, "sleep", lambda _: driver.end("interrupted"))
    watch.follow(sweep.storage, None, Console(file=screen, force_terminal=True, width=120), as_json=False)
    assert "node7 pid 42" in screen.getvalue()
    assert "jobs 6/14" in screen.getvalue()
    assert "stopped (interrupted)" in capsys.readouterr().out
