"""What `advsweep status` says of sweeps that run elsewhere, have died, were interrupted or are finished."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Any

import pytest

from orchestrator.plan.plan import make_plan
from orchestrator.space.space import load
from orchestrator.status.facts import collect_facts, format_status, format_sweep_details
from orchestrator.store import heartbeat
from orchestrator.store.fault_log import FAILURE, PREEMPTION, FaultLog
from orchestrator.store.heartbeat import Pulse
from orchestrator.store.sweep_store import SweepStore
from tasks import paths
from tests.support.command_line import run_here
from tests.support.driver_signs import aged, beating
from tests.support.finished_sweep import finish
from tests.support.report_data import WITHOUT_TUNING, made_up


def seen(sweep: SweepStore, pulse: Pulse | None = None) -> dict[str, Any]:
    return collect_facts(sweep.storage, sweep.sweep_id, pulse)


def test_what_runs_where_is_read_from_the_storage(sweep: SweepStore, space_file: Path) -> None:
    beating(sweep)
    stage = make_plan(load(str(space_file)), None).trials[0].chain[0]
    for what, again in ((FAILURE, True), (FAILURE, False), (PREEMPTION, True)):
        FaultLog(sweep).add(what, [stage], "no such file", again)
    found = seen(sweep)
    assert (found["state"], found["trials"], found["missing"]) == ("running", 8, 8)
    assert (found["retries"], found["failures"], found["preemptions"], found["reused"]) == (1, 2, 1, 3)
    assert found["eta_seconds"] == 90
    shown = "\n".join(format_status([found]))
    settings = "train  resnet8 seed 1, lambda 0.9, ifgsm 8/255  epoch 2/5  abababab  node7 pid 42"
    assert settings in shown
    assert "reused 3, failures 2, retries 1, preemptions 1, ETA 1 min 30 s" in shown


@pytest.mark.parametrize(
    ("age", "state"), [(0, "running"), (20, "running"), (-20, "running"), (60, "stopped"), (4000, "stopped")]
)
def test_a_driver_lives_by_the_age_of_its_sign_within_a_tolerance(
    sweep: SweepStore, tmp_path: Path, age: float, state: str
) -> None:
    beating(sweep)
    aged(tmp_path, age)
    found = seen(sweep)
    assert found["state"] == state
    assert bool(found["running"]) == (state == "running")
    if state == "stopped":
        assert found["detail"].startswith("no sign of life from ")
        assert found["eta_seconds"] is None


def test_who_keeps_looking_needs_no_clock_but_its_own(
    sweep: SweepStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    driver, pulse = beating(sweep), Pulse()
    aged(tmp_path, 500)
    assert seen(sweep, pulse)["state"] == "stopped", "by the clocks, which differ"
    driver._beat(heartbeat.RUNNING)
    aged(tmp_path, 500)
    assert seen(sweep, pulse)["state"] == "running", "it has beaten since"
    aged(tmp_path, -500)
    assert seen(sweep, pulse)["state"] == "running"
    later = time.monotonic() + heartbeat.ALIVE_WITHIN + 1
    monkeypatch.setattr(time, "monotonic", lambda: later)
    assert seen(sweep, pulse)["state"] == "stopped", "the clocks say it lives, but it has not beaten"


@pytest.mark.parametrize("outcome", ["interrupted", "stopped early: a disk is full"])
def test_a_driver_says_how_it_ended(sweep: SweepStore, outcome: str) -> None:
    beating(sweep).end(outcome)
    found = seen(sweep)
    assert (found["state"], found["detail"], found["silent"]) == ("stopped", outcome, False)
    assert f"stopped ({outcome})" in "\n".join(format_status([found]))


def test_two_drivers_add_up_and_the_next_forgets_the_ended(sweep: SweepStore) -> None:
    first = beating(sweep)
    beating(sweep, eta_seconds=30.0, eta_is_least=True)
    found = seen(sweep)
    assert (found["jobs_done"], len(found["running"]), found["eta_seconds"]) == (12, 2, 90)
    assert found["eta_is_least"], "one of both does not know all"
    first.end("interrupted")
    assert seen(sweep)["state"] == "running", "one is left"
    beating(sweep)._forget_dead_drivers(Pulse())
    assert len(heartbeat.read_beats(sweep)) == 2, "the one that ended is forgotten"


def test_a_finished_sweep_is_told_apart_and_has_no_work_left(space_file: Path, tmp_path: Path) -> None:
    _, sweep = finish(space_file, tmp_path / "storage", ("adversarial_finetune=null", "prune=null"))
    found = seen(sweep)
    assert (found["state"], found["missing"], found["work_left_seconds"]) == ("finished", 0, 0)
    (told,) = json.loads(run_here("status", "--storage", tmp_path / "storage", "--watch", "--json").stdout)
    assert told["state"] == "finished"
    attack = next(
        key for key in sweep.storage.list_names(paths.STAGES) if sweep.plan()["stages"][key]["kind"] == "attack"
    )
    sweep.storage.remove(f"{paths.STAGES}/{attack}")
    left = seen(sweep)["work_left_seconds"]
    assert left == pytest.approx(sum(row["attack_seconds"] for row in sweep.rows()) / 2)


def test_what_runs_is_as_old_as_its_start_not_as_the_last_sign_of_life(sweep: SweepStore, tmp_path: Path) -> None:
    beating(sweep)
    aged(tmp_path, 20)
    (running,) = seen(sweep)["running"]
    assert running["seconds"] == pytest.approx(9 + 20, abs=3)


def test_rows_of_trials_that_the_plan_no_longer_has_do_not_count(tmp_path: Path) -> None:
    sweep = made_up(tmp_path, WITHOUT_TUNING, images=False, finished=lambda place: place < 30)
    rows = sweep.rows()
    sweep.write_rows([rows[0] | {"trial_id": "f" * 16}])
    found = seen(sweep)
    assert (found["trials"], found["finished"], found["missing"], found["state"]) == (36, 30, 6, "stopped")


def test_where_a_kind_was_never_timed_nothing_is_said_of_the_time_left(tmp_path: Path) -> None:
    sweep = made_up(tmp_path, WITHOUT_TUNING, images=False, finished=lambda place: place < 30)
    assert seen(sweep)["work_left_seconds"] is not None
    untimed = [row | {"attack_seconds": None} for row in sweep.rows()]
    sweep.write_rows(untimed)
    assert seen(sweep)["work_left_seconds"] is None


def test_failed_trials_and_the_best_are_named_as_commands_take_them(tmp_path: Path) -> None:
    sweep = made_up(tmp_path, WITHOUT_TUNING, images=False, failed=lambda place: place < 5)
    found = seen(sweep)
    short = [planned["trial_id"][:7] for planned in sweep.plan()["trials"]]
    assert sorted(entry["trial"] for entry in found["failed_trials"]) == sorted(short[:5])
    assert set(found["best_trials"]) <= set(short[5:])
    shown = format_status([found])
    named = " ".join(sorted(short[:5])[:3])
    assert f"  {sweep.sweep_id}: trial {named} and 2 more: out of <b>memory</b>" in shown
    assert f"  {sweep.sweep_id}: best in trial {' '.join(found['best_trials'])}; {found['best_doubt']}" in shown


def test_what_speaks_against_the_best_is_said_with_its_trials() -> None:
    fact = {"sweep_id": "s", "state": "finished", "best_trials": ["ab"], "errors": [], "best_doubt": "upper bound: why"}
    assert format_sweep_details(fact) == ["  s: best in trial ab; upper bound: why"]
    assert format_sweep_details({**fact, "best_doubt": None}) == ["  s: best in trial ab"]
