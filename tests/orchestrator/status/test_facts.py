"""What `advsweep status` says of sweeps that run elsewhere, have died, were interrupted or are finished."""

from __future__ import annotations

import io
import json
import os
import threading
import time
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from orchestrator.launch import launch
from orchestrator.options import LaunchOptions
from orchestrator.plan.plan import make_plan, plan_text
from orchestrator.run.state import SweepState
from orchestrator.space.space import load
from orchestrator.status import watch
from orchestrator.status.facts import collect_facts, format_status
from orchestrator.store import heartbeat
from orchestrator.store.fault_log import FAILURE, PREEMPTION, FaultLog
from orchestrator.store.heartbeat import Heartbeat, Pulse
from orchestrator.store.sweep_store import SweepStore
from orchestrator.tracking import log
from tasks import paths
from tasks.storage.storage import open_storage
from tests.support.finished_sweep import finish, remote_storage
from tests.support.harness import advsweep, rows
from tests.support.wandb_stub import Stub

FEW = ("adversarial_finetune=null", "prune=null")
"""Two trials that share a model."""


def facts(**changes: Any) -> dict[str, Any]:
    """What a driver publishes in the middle of a sweep."""
    stage = {"stage": "train", "key": "ab" * 32, "model": "resnet8", "seed": 1, "where": "node7 pid 42", "seconds": 9.0}
    found = SweepState(8, 14, 3, {}).collect_facts() | {"jobs_done": 6, "failures": 3, "preemptions": 4}
    return found | {"eta_seconds": 90.0, "running": [stage]} | changes


@pytest.fixture
def sweep(space_file: Path, tmp_path: Path) -> SweepStore:
    """A sweep of eight trials that was planned and has no rows, on a storage that is not local."""
    plan = make_plan(load(str(space_file)), None)
    root = tmp_path / "storage"
    root.mkdir()
    storage = remote_storage(root)
    for part in ("stages", f"sweeps/{plan.sweep_id}/drivers", f"sweeps/{plan.sweep_id}/faults"):
        (root / part).mkdir(parents=True)
    found = SweepStore(storage, plan.sweep_id)
    storage.write(found.path(paths.PLAN), plan_text(plan))
    return found


def beating(sweep: SweepStore, **changes: Any) -> Heartbeat:
    """A driver that has given its first sign of life."""
    found = Heartbeat(sweep, lambda: facts(**changes), _fail)
    found._beat(heartbeat.RUNNING)
    return found


def _fail(error: OSError) -> None:
    raise error


def aged(tmp_path: Path, seconds: float) -> None:
    """Let the last sign of life be so old, by the clock of the storage."""
    for file in tmp_path.glob("storage/sweeps/*/drivers/*.json"):
        os.utime(file, (time.time() - seconds,) * 2)


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
    assert "train  resnet8 seed 1  abababab  node7 pid 42" in shown
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
    monkeypatch.setattr("orchestrator.store.heartbeat.time.monotonic", lambda: later)
    assert seen(sweep, pulse)["state"] == "stopped", "the clocks say it lives, but it has not beaten"


@pytest.mark.parametrize("outcome", ["interrupted", "stopped early: the storage is full"])
def test_a_driver_says_how_it_ended(sweep: SweepStore, outcome: str) -> None:
    beating(sweep).end(outcome)
    found = seen(sweep)
    assert (found["state"], found["detail"], found["silent"]) == ("stopped", outcome, False)
    assert f"stopped ({outcome})" in "\n".join(format_status([found]))


def test_two_drivers_add_up_and_the_next_forgets_the_dead(sweep: SweepStore, tmp_path: Path) -> None:
    first = beating(sweep)
    beating(sweep, eta_seconds=30.0)
    found = seen(sweep)
    assert (found["jobs_done"], len(found["running"]), found["eta_seconds"]) == (12, 2, 90)
    first.end("interrupted")
    assert seen(sweep)["state"] == "running", "one is left"
    aged(tmp_path, heartbeat.FORGOTTEN_AFTER + 1)
    beating(sweep)._forget_the_dead()
    assert len(heartbeat.read_beats(sweep)) == 1


def test_a_broken_sign_of_life_is_no_sign(sweep: SweepStore) -> None:
    sweep.storage.write(sweep.path(paths.DRIVERS, "broken.json"), b'{"beat": ')
    assert seen(sweep)["state"] == "stopped"


def test_a_storage_that_cannot_be_written_is_said_once(sweep: SweepStore, tmp_path: Path) -> None:
    said: list[OSError] = []
    (tmp_path / "storage" / "sweeps" / sweep.sweep_id / "drivers").rmdir()
    (tmp_path / "storage" / "sweeps" / sweep.sweep_id / "drivers").write_text("a file")
    driver = Heartbeat(sweep, facts, said.append)
    driver._beat(heartbeat.RUNNING)
    driver.end("interrupted")
    assert len(said) == 1


def test_watching_ends_with_the_sweep(
    sweep: SweepStore, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    driver, looks = beating(sweep), list[float]()

    def sleep(seconds: float) -> None:
        looks.append(seconds)
        if len(looks) == 3:
            driver.end("interrupted")

    monkeypatch.setattr("orchestrator.status.watch.time.sleep", sleep)
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
    monkeypatch.setattr("orchestrator.status.watch.time.sleep", lambda _: driver.end("interrupted"))
    watch.follow(sweep.storage, None, Console(file=screen, force_terminal=True, width=120), as_json=False)
    assert "node7 pid 42" in screen.getvalue()
    assert "jobs 6/14" in screen.getvalue()
    assert "stopped (interrupted)" in capsys.readouterr().out


def test_a_finished_sweep_is_told_apart_and_has_no_work_left(space_file: Path, tmp_path: Path) -> None:
    _, sweep = finish(space_file, tmp_path / "storage", FEW)
    found = seen(sweep)
    assert (found["state"], found["missing"], found["work_left_seconds"]) == ("finished", 0, 0)
    (told,) = json.loads(advsweep("status", "--storage", tmp_path / "storage", "--watch", "--json").stdout)
    assert told["state"] == "finished"
    attack = next(key for key in sweep.storage.names(paths.STAGES) if sweep.plan()["stages"][key]["kind"] == "attack")
    sweep.storage.remove(f"{paths.STAGES}/{attack}")
    left = seen(sweep)["work_left_seconds"]
    assert left == pytest.approx(sum(row["attack_seconds"] for row in sweep.rows()) / 2)


@pytest.mark.cluster
@pytest.mark.slow
def test_a_real_sweep_is_seen_while_its_wandb_server_dies(
    space_file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    storage, screen, looks = tmp_path / "storage", io.StringIO(), list[dict[str, Any]]()
    monkeypatch.setattr(heartbeat, "BEAT", 0.2)
    monkeypatch.setattr(log, "SEND_LIMIT", 2.0)
    monkeypatch.setattr(log, "SEND_EVERY", 0.0)
    ended = threading.Event()
    with Stub() as server:
        server.last = "UpsertBucket"
        for name, value in server.environment.items():
            monkeypatch.setenv(name, value)

        def look() -> None:
            """Another machine that shares the storage."""
            while not ended.wait(0.1):
                for name in storage.glob("sweeps/*/plan.json"):
                    looks.append(collect_facts(open_storage(storage), name.parent.name))

        watcher = threading.Thread(target=look)
        watcher.start()
        try:
            options = LaunchOptions(str(space_file), overrides=FEW, storage=str(storage), wandb="online")
            code = launch(options, Console(file=screen, width=300))
        finally:
            ended.set()
            watcher.join()
    assert code == 0
    assert {row["status"] for row in rows(storage)} == {"finished"}
    assert [line for line in screen.getvalue().splitlines() if line.startswith("W&B")] != []
    assert screen.getvalue().count("sends them") == 1
    running = [found for found in looks if found["state"] == "running"]
    places = {entry["where"] for found in running for entry in found["running"]}
    assert places
    assert all(" pid " in place for place in places)
    assert max(found["jobs_done"] for found in running) > 0
    (after,) = json.loads(advsweep("status", "--storage", storage, "--json").stdout)
    assert (after["state"], after["detail"]) == ("finished", "ended with 2 finished and 0 failed trials")
