"""`advsweep status`."""

from __future__ import annotations

import csv
import io
import json
import shutil
from pathlib import Path

import pytest

from orchestrator.remote import job_table
from orchestrator.store.sweep_store import SweepStore
from tasks.storage.storage import open_storage
from tests.orchestrator.cli.conftest import Finished
from tests.support.command_line import run_here
from tests.support.driver_signs import beating, published_facts
from tests.support.scripted_jobs import ScriptedJobs


def test_an_empty_storage_has_no_sweeps(tmp_path: Path) -> None:
    assert run_here("status", "--storage", tmp_path).stdout == "no sweeps yet\n"
    assert json.loads(run_here("status", "--storage", tmp_path, "--json").stdout) == []


@pytest.mark.parametrize("more", [[], ["--watch"], ["--json"]])
def test_a_storage_that_is_not_there_is_named_and_not_made(tmp_path: Path, more: list[str]) -> None:
    ended = run_here("status", "--storage", tmp_path / "absent", *more)
    assert (ended.code, ended.stdout) == (2, "")
    assert f"--storage {tmp_path / 'absent'}: there is no such folder" in ended.stderr
    assert not (tmp_path / "absent").exists()


def test_a_finished_sweep_in_all_forms(finished: Finished) -> None:
    (fact,) = json.loads(finished.ask("status", "four", "--json").stdout)
    assert fact["sweep_id"] == finished.sweep.sweep_id
    assert (fact["state"], fact["trials"], fact["finished"], fact["failed"]) == ("finished", 4, 4, 0)
    assert fact["stages"] == fact["stages_stored"] == len(finished.plan.stages)
    (line,) = csv.DictReader(io.StringIO(finished.ask("status", "--format", "csv").stdout))
    assert (line["sweep_id"], line["finished"], line["best"]) == (fact["sweep_id"], "4", fact["best"])
    assert "running" not in line, "a list is no cell"
    shown = finished.ask("status").stdout.splitlines()
    assert shown[0].split()[:4] == ["sweep", "state", "trials", "finished"]
    assert shown[2].split()[:4] == [fact["sweep_id"], "finished", "4", "4"]


def test_what_is_planted_in_a_storage_does_not_steer_the_terminal(finished: Finished, tmp_path: Path) -> None:
    shutil.copytree(finished.storage, tmp_path / "storage")
    storage = open_storage(tmp_path / "storage")
    sweep = SweepStore(storage, finished.sweep.sweep_id)
    beating(sweep, running=[{**published_facts()["running"][0], "where": "\x1b]0;mine\x07"}])
    storage.write(sweep.path("faults", "\x1b[2J.jsonl"), b"{}\n")
    storage.write("sweeps/\x1b[31m/plan.json", b"{}")
    for command in ("status", "results four", "explain zz", "clean"):
        shown = run_here(*command.split(), "--storage", tmp_path / "storage")
        assert "\x1b" not in shown.stdout + shown.stderr
    assert r"\x1b[31m" in shown.stderr
    assert r"\x1b]0;mine\x07" in run_here("status", "--storage", tmp_path / "storage").stdout


def test_watching_ends_where_nothing_runs(finished: Finished) -> None:
    assert finished.ask("status", "--watch").stdout == finished.ask("status").stdout
    assert json.loads(finished.ask("status", "--watch", "--json").stdout)[0]["finished"] == 4
    assert "--watch: shows a storage" in finished.ask("status", "--watch", "--format", "csv", code=2).stderr


def test_the_ray_jobs_of_a_cluster(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(job_table, "RayJobs", ScriptedJobs)
    asked = ["status", "--address", "http://127.0.0.1:8265"]
    jobs = json.loads(run_here(*asked, "--json").stdout)
    assert [(job["sweep_id"], job["status"], job["progress"]) for job in jobs] == [
        ("digits-2b", "RUNNING", "[5 s] trials 1/4, jobs 2/6, reused 0, ETA -"),
        ("mnist-3c", "SUCCEEDED", "4 trials, 4 finished, 0 failed, 0 not run"),
    ]
    header, _, *lines = run_here(*asked, "mnist").stdout.splitlines()
    assert header.split() == ["sweep", "Ray", "job", "time", "progress", "storage"]
    assert lines == ["mnist-3c  succeeded  1 min 40 s  4 trials, 4 finished, 0 failed, 0 not run  s3://bucket/b"]
    assert "--watch: shows a storage" in run_here(*asked, "--watch").stderr
