"""Watching a sweep that runs as a Ray job: begun, left, joined again, ended."""

from __future__ import annotations

import io
from dataclasses import replace
from typing import Any

import pytest
from rich.console import Console

from orchestrator.cluster.address import parse_address
from orchestrator.remote import follow_job
from orchestrator.remote.follow_job import find_last_line, run_job, watch
from orchestrator.remote.ray_jobs import SweepJob
from orchestrator.remote.submission import JobSubmission
from tests.support.scripted_jobs import ENDED, LOGS, RUNNING, ScriptedJobs

ADDRESS = parse_address("http://head:8265")


def watched(jobs: ScriptedJobs, job: str) -> tuple[int, str]:
    shown = io.StringIO()
    code = watch(jobs, job, ADDRESS, Console(file=shown, width=40))  # type: ignore[arg-type]
    return code, shown.getvalue()


def test_lines_come_whole_and_rays_own_are_left_out() -> None:
    jobs = ScriptedJobs(ADDRESS)
    jobs.logs = {RUNNING.id: "Running entrypoint for job x\nfour trials\nfour finished\n"}
    assert watched(jobs, RUNNING.id) == (0, "four trials\nfour finished\n")


@pytest.mark.parametrize(
    ("ending", "code", "last"),
    [
        ({"status": "SUCCEEDED", "exit_code": 0}, 0, "another note"),
        ({"status": "FAILED", "exit_code": 1}, 1, "another note"),
        ({"status": "FAILED", "exit_code": None, "message": "no room"}, 1, "the Ray job failed: no room"),
        ({"status": "STOPPED"}, 130, "stopped: nothing finished is lost, the same launch continues"),
    ],
)
def test_the_exit_code_is_that_of_the_sweep(ending: dict[str, Any], code: int, last: str) -> None:
    jobs = ScriptedJobs(ADDRESS)
    jobs.ending = ending
    found, shown = watched(jobs, RUNNING.id)
    assert (found, shown.splitlines()[-1]) == (code, last)


def test_ctrl_c_leaves_the_job_and_says_how_to_come_back(monkeypatch: pytest.MonkeyPatch) -> None:
    jobs = ScriptedJobs(ADDRESS)

    def interrupted(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(jobs, "follow", interrupted)
    code, shown = watched(jobs, RUNNING.id)
    assert code == 130
    assert shown.splitlines() == [
        "left; the sweep goes on as Ray job digits-2b-1",
        "  advsweep status digits-2b --address http://head:8265",
        "  advsweep logs --follow digits-2b --address http://head:8265",
        "  advsweep stop digits-2b --address http://head:8265",
    ]
    assert not jobs.stopped


@pytest.mark.parametrize(("sweep", "joined"), [("digits-2b", True), ("mnist-3c", False), ("new-1a", False)])
def test_a_sweep_that_runs_is_joined_and_any_other_submitted(
    sweep: str, joined: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    jobs, shown = ScriptedJobs(ADDRESS), io.StringIO()
    monkeypatch.setattr(follow_job, "RayJobs", lambda _: jobs)
    sent = JobSubmission(sweep, 8, ("launch",), {}, "s3://bucket")
    assert run_job(sent, ADDRESS, Console(file=shown, width=200)) == 0
    assert jobs.submitted == ([] if joined else [sent])
    first = shown.getvalue().splitlines()[0]
    if joined:
        assert first == "digits-2b: runs already as Ray job digits-2b-1; joined"
    else:
        assert first.startswith(f"{sweep}: 8 trials, submitted to http://head:8265 as Ray job {sweep}-1 with ")


def test_the_last_line_that_says_how_far_a_sweep_is() -> None:
    assert find_last_line(LOGS[RUNNING.id]).startswith("[5 s] trials 1/4")
    assert find_last_line(LOGS[ENDED.id]) == "4 trials, 4 finished, 0 failed, 0 not run"
    assert find_last_line("nothing yet") == "-"


def test_a_job_is_over_in_three_ways() -> None:
    states = ("PENDING", "RUNNING", "SUCCEEDED", "FAILED", "STOPPED")
    ended: list[SweepJob] = [replace(RUNNING, status=state) for state in states]
    assert [job.over for job in ended] == [False, False, True, True, True]
