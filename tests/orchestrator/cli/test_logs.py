"""`advsweep logs`."""

from __future__ import annotations

import pytest

from orchestrator.remote import ray_jobs
from tests.orchestrator.cli.conftest import Finished
from tests.support.command_line import run_here
from tests.support.scripted_jobs import LOGS, ScriptedJobs

ADDRESS = ("--address", "http://127.0.0.1:8265")


def test_a_storage_tells_what_went_wrong(finished: Finished) -> None:
    shown = finished.ask("logs", "four").stdout
    assert shown == f"{finished.sweep.sweep_id}: no stage failed and no worker was lost\n"
    assert "--follow: give the --address" in finished.ask("logs", "four", "--follow", code=2).stderr


@pytest.mark.parametrize("follow", [[], ["--follow"], ["-f"]])
def test_a_ray_job_is_shown_and_followed(follow: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ray_jobs, "RayJobs", ScriptedJobs)
    ended = run_here("logs", "mnist", *ADDRESS, *follow)
    assert (ended.code, ended.stdout) == (0, LOGS["mnist-3c-1"])
