"""What is said at the end of a sweep."""

from __future__ import annotations

import io
import os
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest
from rich.console import Console

from orchestrator.options import STORAGE_VARIABLE
from orchestrator.results.presentation import render_results
from orchestrator.run import ending
from orchestrator.store.sweep_store import SweepStore
from tests.support.certified_rows import IMAGES, StoredImages, attack, certificate
from tests.support.report_data import WITHOUT_TUNING, made_up


class Prepared:
    """What the end of a sweep asks of it."""

    def __init__(self, sweep: SweepStore) -> None:
        self.sweep, self.storage, self.plan = sweep, sweep.storage, sweep


def show(sweep: SweepStore, rows: list[dict[str, Any]]) -> str:
    shown = io.StringIO()
    ending.show_summary(cast("Any", Prepared(sweep)), rows, Console(file=shown, width=400))
    return shown.getvalue()


def test_the_table_at_the_end_is_that_of_results(tmp_path: Path) -> None:
    sweep = made_up(tmp_path, WITHOUT_TUNING)
    rows = sweep.rows()
    table = render_results(sweep, "table")
    assert "upper bound" in table
    for some in (rows, rows[::-1]):
        assert show(sweep, some).startswith(table)


def test_a_certificate_above_an_attack_is_an_alarm_at_the_end_too(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    read = StoredImages(
        randomized_smoothing={"clean_prediction": [1] * IMAGES, "radius": [1.0] * IMAGES},
        pgd={"adversarial_prediction": [0] * IMAGES, "l2": [0.1] * IMAGES},
    )
    sweep = made_up(tmp_path, WITHOUT_TUNING, finished=lambda place: place < 1, images=False)
    monkeypatch.setattr(ending, "ImageReader", lambda _: read)
    shown = show(sweep, [certificate(600), attack(500)])
    assert "60.00 !a" in shown
    assert "50.00 !a" in shown
    assert "fools 40 of 40 images within their certified radius" in shown


def test_the_command_at_the_end_finds_the_sweep_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    sweep = made_up(tmp_path / "a storage", WITHOUT_TUNING, finished=lambda place: place < 1, images=False)
    place = tmp_path / "a storage"
    assert show(sweep, sweep.rows()).endswith(f"  advsweep results {sweep.sweep_id} --storage '{place}'\n")
    monkeypatch.setenv(STORAGE_VARIABLE, str(place))
    assert show(sweep, sweep.rows()).endswith(f"  advsweep results {sweep.sweep_id}\n")
    monkeypatch.delenv(STORAGE_VARIABLE)
    monkeypatch.chdir(tmp_path)
    (tmp_path / "results").symlink_to(place)
    there = made_up(tmp_path / "results", WITHOUT_TUNING, finished=lambda place: place < 1, images=False)
    assert show(there, there.rows()).endswith(f"  advsweep results {sweep.sweep_id}\n")


def make_sweep(statuses: list[str], trials: int, faults: int = 0) -> Any:
    """A sweep whose rows have ended so."""
    rows = {str(place): {"status": status, "error": f"error {9 - place}"} for place, status in enumerate(statuses)}
    counts = statuses.count("finished"), statuses.count("failed")
    state = SimpleNamespace(rows=rows, trials=trials, count_trials=lambda: counts)
    return SimpleNamespace(state=state, prepared="prepared", faults=SimpleNamespace(written=faults, place="faults/x"))


@pytest.mark.parametrize(
    ("statuses", "trials", "faults", "stopped", "interrupted", "code", "last"),
    [
        (["finished", "finished"], 2, 3, None, False, 0, ["2 trials, 2 finished, 0 failed, 0 not run"]),
        (["finished"], 3, 0, None, False, 1, ["3 trials, 1 finished, 0 failed, 2 not run"]),
        (
            ["failed", "finished", "failed"], 4, 0, None, False, 1,
            ["4 trials, 1 finished, 2 failed, 1 not run", "  error 7", "  error 9"],
        ),
        (
            ["failed"] * 6 + ["finished"], 7, 1, None, False, 1,
            ["7 trials, 1 finished, 6 failed, 0 not run", *(f"  error {n}" for n in (4, 5, 6, 7, 8)),
             "  tracebacks in faults/x"],
        ),
        (
            ["failed"], 2, 1, "too many failures", False, 1,
            ["2 trials, 0 finished, 1 failed, 1 not run", "stopped early: too many failures",
             "  tracebacks in faults/x"],
        ),
        (
            ["failed"], 1, 1, "too many failures", True, 130,
            ["1 trial, 0 finished, 1 failed, 0 not run",
             "interrupted: nothing finished is lost, the same command continues"],
        ),
    ],
)  # fmt: skip
def test_the_end_says_how_trials_ended_and_why_and_the_exit_code_is_that(
    statuses: list[str], trials: int, faults: int, stopped: str | None, interrupted: bool, code: int, last: list[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    summaries: list[Any] = []
    monkeypatch.setattr(ending, "show_summary", lambda prepared, rows, _: summaries.append((prepared, len(rows))))
    shown = io.StringIO()
    executor: Any = SimpleNamespace(stopped_by=stopped)
    sweep = make_sweep(statuses, trials, faults)
    assert ending.report_ending(sweep, executor, Console(file=shown, width=200), interrupted) == code
    assert shown.getvalue().splitlines() == last
    assert summaries == [("prepared", len(statuses))]


def test_whoever_asks_the_storage_is_told_how_a_sweep_ended() -> None:
    sweep, executor = make_sweep(["finished", "failed", "failed"], 4), SimpleNamespace(stopped_by=None)
    stopped: Any = SimpleNamespace(stopped_by="no worker can start")
    assert ending.describe_ending(sweep, cast("Any", executor), False) == "ended with 1 finished and 2 failed trials"
    assert ending.describe_ending(sweep, None, False) == "ended with 1 finished and 2 failed trials"
    assert ending.describe_ending(sweep, stopped, False) == "stopped early: no worker can start"
    assert ending.describe_ending(sweep, stopped, True) == "interrupted"


def test_without_a_head_rows_are_kept_before_the_process_ends(monkeypatch: pytest.MonkeyPatch) -> None:
    done: list[Any] = []
    sweep: Any = SimpleNamespace(
        rows=SimpleNamespace(record_all=lambda: done.append("rows")),
        close=lambda outcome, hurried: done.append((outcome, hurried)),
    )

    def report(*_: Any, interrupted: bool) -> int:
        done.append(interrupted)
        return 1

    monkeypatch.setattr(ending, "report_ending", report)
    monkeypatch.setattr(os, os._exit.__name__, lambda code: done.append(f"exit {code}"))
    shown = io.StringIO()
    ending.end_without_head(sweep, Console(file=shown, width=200), "the head is gone")
    assert done == ["rows", ("the head is gone", True), False, "exit 1"]
    assert shown.getvalue() == (
        "the head is gone; nothing finished is lost: with a head that answers, the same command continues\n"
    )
