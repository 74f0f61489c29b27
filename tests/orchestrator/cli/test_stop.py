"""`advsweep stop`."""

from __future__ import annotations

import pytest

from orchestrator.remote import ray_jobs
from tests.support.command_line import run_here
from tests.support.scripted_jobs import ScriptedJobs

ADDRESS = ("--address", "http://127.0.0.1:8265")


def test_what_runs_is_stopped_and_what_has_ended_is_left(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ray_jobs, "RayJobs", ScriptedJobs)
    shown = run_here("stop", "digits", *ADDRESS).stdout
    assert shown == "digits-2b: Ray job digits-2b-1 is stopped; nothing finished is lost\n"
    shown = run_here("stop", "mnist", *ADDRESS).stdout
    assert shown == "mnist-3c: Ray job mnist-3c-1 has ended already: succeeded\n"


def test_the_address_of_a_cluster_is_needed() -> None:
    ended = run_here("stop", "digits")
    assert ended.code == 2
    assert "--address" in ended.stderr
    assert "jobs are kept by the dashboard" in run_here("stop", "digits", "--address", "local").stderr
