"""What is asked of a dashboard, and what its answers mean, by a client that is a script."""

from __future__ import annotations

import os
import time
from collections.abc import AsyncIterator
from types import SimpleNamespace
from typing import Any

import pytest
import ray.job_submission
from ray.exceptions import AuthenticationError

from orchestrator.cluster.address import parse_address
from orchestrator.remote import ray_jobs
from orchestrator.remote.ray_jobs import RECONNECTS, SWEEP, RayJobs
from orchestrator.remote.submission import JobSubmission
from tasks.errors import UsageError


def told(sweep: str, status: str, started: int, **more: Any) -> SimpleNamespace:
    """A job as Ray's client tells of it."""
    facts: dict[str, Any] = {
        "metadata": {SWEEP: sweep} if sweep else None,
        "submission_id": f"{sweep}-{started}",
        "status": status,
    }
    facts |= {"start_time": started * 1000, "end_time": None, "driver_exit_code": None, "message": None}
    return SimpleNamespace(**facts | more)


class Client:
    """Stands in for Ray's `JobSubmissionClient`."""

    jobs: list[SimpleNamespace] = []  # noqa: RUF012
    pieces: list[list[str] | Exception] = []  # noqa: RUF012
    """What each connection tells before it is lost."""

    def __init__(self, address: str) -> None:
        self.address = address
        self.submitted: dict[str, Any] = {}

    def list_jobs(self) -> list[SimpleNamespace]:
        return self.jobs

    def get_job_info(self, job: str) -> SimpleNamespace:
        return next(known for known in self.jobs if known.submission_id == job)

    def submit_job(self, **described: Any) -> str:
        self.submitted.update(described)
        return str(described["submission_id"])

    def get_job_logs(self, job: str) -> str:
        return f"Running entrypoint for job {job}: python\nfirst\n... job_manager.py:1 -- x\nsecond\n"

    async def tail_job_logs(self, job: str) -> AsyncIterator[str]:  # noqa: ARG002
        piece = self.pieces.pop(0)
        if isinstance(piece, Exception):
            raise piece
        for text in piece:
            yield text
        if self.pieces:
            raise RuntimeError("connection lost")


@pytest.fixture
def jobs(monkeypatch: pytest.MonkeyPatch) -> RayJobs:
    monkeypatch.setattr(ray.job_submission, "JobSubmissionClient", Client)
    monkeypatch.setattr(ray_jobs, "check_answers", lambda _: None)
    monkeypatch.setattr(time, "sleep", lambda _: None)
    monkeypatch.setattr(Client, "jobs", [])
    return RayJobs(parse_address("http://head:8265"))


def test_the_newest_job_of_each_sweep_and_one_that_runs_before_any_that_ended(jobs: RayJobs) -> None:
    Client.jobs = [
        told("a", "RUNNING", 100),
        told("a", "FAILED", 300, end_time=400_000, driver_exit_code=1, message="broken"),
        told("b", "SUCCEEDED", 200, end_time=250_000),
        told("b", "STOPPED", 150),
        told("", "RUNNING", 500),
    ]
    assert [(job.sweep_id, job.status, job.started) for job in jobs.all()] == [
        ("b", "SUCCEEDED", 200.0), ("a", "RUNNING", 100.0)
    ]  # fmt: skip
    failed = jobs.info("a-300")
    assert (failed.exit_code, failed.ended, failed.message) == (1, 400.0, "broken")


def test_a_job_is_the_command_and_carries_no_variable_of_ours(jobs: RayJobs) -> None:
    sent = JobSubmission("a", 4, ("launch", "--set=model.name=x y"), {"py_modules": ["p"]}, "s3://bucket")
    job = jobs.submit(sent)
    described = jobs._client.submitted
    assert described["entrypoint"].endswith("advsweep launch '--set=model.name=x y'")
    assert job.startswith("a-")
    assert described["runtime_env"]["py_modules"] == ["p"]
    assert all(name.startswith(("RAY_", "PYTHON")) for name in described["runtime_env"]["env_vars"])


def test_lines_of_ray_are_left_out_of_a_log(jobs: RayJobs) -> None:
    assert jobs.log("a-1") == "first\nsecond\n"


def test_following_goes_on_where_a_lost_connection_ended(jobs: RayJobs, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Client, "pieces", [["ab", "cd"], OSError("gone"), ["abc", "def"], ["abcdefg"]])
    shown: list[str] = []
    jobs.follow("a-1", shown.append)
    assert "".join(shown) == "abcdefg"


def test_a_connection_that_stays_lost_ends_the_watching(jobs: RayJobs, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Client, "pieces", [OSError("gone") for _ in range(RECONNECTS + 1)])
    with pytest.raises(UsageError, match=r"is gone \(gone\); the sweep goes on without"):
        jobs.follow("a-1", lambda _: None)
    assert len(Client.pieces) == 1


@pytest.mark.parametrize(
    ("error", "message"),
    [
        (AuthenticationError("no token\nmore"), "--address http://head:8265: .*no token"),
        (RuntimeError("it broke\nmore"), "--address http://head:8265: it broke$"),
        (ConnectionError(), "--address http://head:8265: ConnectionError$"),
    ],
)
def test_what_the_dashboard_refuses_is_one_line(
    jobs: RayJobs, error: Exception, message: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(_: Client) -> None:
        raise error

    monkeypatch.setattr(Client, "list_jobs", refuse)
    with pytest.raises(UsageError, match=message):
        jobs.all()


def test_a_job_that_does_not_stop_is_said(jobs: RayJobs) -> None:
    Client.jobs = [told("a", "RUNNING", 100)]
    with pytest.raises(UsageError, match="Ray job a-100 was told to stop and still runs"):
        jobs.ended("a-100")
    Client.jobs = [told("a", "STOPPED", 100)]
    assert jobs.ended("a-100").over


def test_only_a_dashboard_keeps_jobs() -> None:
    with pytest.raises(UsageError, match="jobs are kept by the dashboard; write http://HEAD:8265"):
        RayJobs(parse_address("10.0.0.1:6379"))


@pytest.mark.usefixtures("jobs")
def test_the_address_is_the_one_that_was_given_whatever_variables_say(monkeypatch: pytest.MonkeyPatch) -> None:
    met: list[Any] = []

    class Watching(Client):
        def __init__(self, address: str) -> None:
            super().__init__(address)
            met.append((address, [name for name in ray_jobs.OVERRIDING if name in os.environ]))

    monkeypatch.setattr(ray.job_submission, "JobSubmissionClient", Watching)
    monkeypatch.setenv("RAY_ADDRESS", "http://other:1")
    monkeypatch.setenv("RAY_API_SERVER_ADDRESS", "http://third:2")
    RayJobs(parse_address("http://head:8265/"))
    assert met == [("http://head:8265", [])]
    assert (os.environ["RAY_ADDRESS"], os.environ["RAY_API_SERVER_ADDRESS"]) == ("http://other:1", "http://third:2")


def test_what_a_job_is_told_and_known_by(jobs: RayJobs, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(time, "gmtime", lambda: time.struct_time((2026, 3, 4, 5, 6, 7, 0, 0, 0)))
    jobs.submit(JobSubmission("a", 4, ("launch", "it's"), {"py_modules": ["p"]}, "s3://bucket"))
    assert jobs._client.submitted == {
        "entrypoint": """python -m advsweep launch 'it'"'"'s'""",
        "submission_id": "a-20260304T050607",
        "runtime_env": {"py_modules": ["p"], "env_vars": {"RAY_JOB_STOP_WAIT_TIME_S": "30"}},
        "metadata": {"advsweep_sweep": "a", "advsweep_storage": "s3://bucket"},
    }
    Client.jobs = [told("a", "PENDING", 0, metadata={SWEEP: "a", "advsweep_storage": "s3://b"}, start_time=None)]
    found = jobs.info("a-0")
    assert (found.id, found.sweep_id, found.storage, found.started, found.ended) == ("a-0", "a", "s3://b", 0.0, None)
    assert (found.message, found.exit_code, jobs.find("a")) == ("", None, found)


def test_a_job_that_is_stopped_has_as_long_as_a_sweep_needs_to_end(
    jobs: RayJobs, monkeypatch: pytest.MonkeyPatch
) -> None:
    waits: list[float] = []
    monkeypatch.setattr(time, "sleep", waits.append)
    Client.jobs = [told("a", "RUNNING", 100)]
    with pytest.raises(UsageError):
        jobs.ended("a-100")
    assert sum(waits) == ray_jobs.STOP_SECONDS + 10
    asked: list[str] = []
    monkeypatch.setattr(Client, "stop_job", lambda _, job: asked.append(job), raising=False)
    jobs.stop("a-100")
    assert asked == ["a-100"]


def test_a_connection_is_made_again_more_and_more_slowly_until_it_tells_something(
    jobs: RayJobs, monkeypatch: pytest.MonkeyPatch
) -> None:
    waits: list[float] = []
    monkeypatch.setattr(time, "sleep", waits.append)
    gone = [OSError("gone")] * 7
    monkeypatch.setattr(Client, "pieces", [*gone, ["ab"], ["ab", "c"]])
    shown: list[str] = []
    jobs.follow("a-1", shown.append)
    assert waits == [0.5, 1.0, 2.0, 4.0, 8.0, 10.0, 10.0, 0.5]
    assert "".join(shown) == "abc"
