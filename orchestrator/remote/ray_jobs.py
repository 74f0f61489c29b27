"""Sweeps as Ray jobs: submitted, watched, left, joined again and stopped over the dashboard's address."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import re
import shlex
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from orchestrator.cluster.address import Address, AddressKind, check_answers
from orchestrator.remote.submission import JobSubmission
from orchestrator.store.identifiers import resolve_id
from tasks.errors import UsageError

SWEEP, STORAGE = "advsweep_sweep", "advsweep_storage"
"""What a job's metadata tell of it."""
STOP_SECONDS = 30
"""Seconds that a stopped sweep has to write its rows before it is killed."""
RECONNECTS = 10
"""Times in a row that a connection may be lost before watching ends; the sweep goes on."""
OF_RAY = re.compile(r"^Running entrypoint for job |job_manager\.py:\d+ -- ")
"""Lines that Ray adds to what a driver prints."""
NOISY = ("ray._private.runtime_env.packaging", "ray.dashboard.modules.dashboard_sdk", "ray.dashboard.modules.job.sdk")
OVERRIDING = ("RAY_ADDRESS", "RAY_API_SERVER_ADDRESS")
"""Variables that Ray's client prefers to the address it is given."""


@dataclass(frozen=True)
class SweepJob:
    """One submission of a sweep."""

    id: str
    sweep_id: str
    storage: str
    status: str
    started: float
    """Seconds since 1970; 0 before it starts."""
    ended: float | None
    exit_code: int | None
    message: str

    @property
    def over(self) -> bool:
        """Whether it has ended, in whatever way."""
        return self.status in ("SUCCEEDED", "FAILED", "STOPPED")


class RayJobs:
    """The jobs of one cluster."""

    def __init__(self, address: Address) -> None:
        """:raises UsageError: no dashboard answers there, it wants a token, or Ray's own extra is not installed."""
        if address.place is not AddressKind.job:
            raise UsageError(f"--address {address.text}: Ray jobs are kept by the dashboard; write http://HEAD:8265")
        check_answers(address)
        from ray.job_submission import JobSubmissionClient

        for name in NOISY:
            logging.getLogger(name).setLevel(logging.ERROR)
        with _explain_errors(address), _unset_variables(OVERRIDING):
            self._client = JobSubmissionClient(address.text)
        self._address = address

    def submit(self, submission: JobSubmission) -> str:
        """Submit a sweep; returns the id of the job."""
        # no variable but this one, and no secret: whoever sees the dashboard reads all of it
        environment = submission.environment | {"env_vars": {"RAY_JOB_STOP_WAIT_TIME_S": str(STOP_SECONDS)}}
        with _explain_errors(self._address):
            job: str = self._client.submit_job(
                entrypoint=f"python -m advsweep {shlex.join(submission.arguments)}",
                submission_id=f"{submission.sweep_id}-{time.strftime('%Y%m%dT%H%M%S', time.gmtime())}",
                runtime_env=environment,
                metadata={SWEEP: submission.sweep_id, STORAGE: submission.storage},
            )
        return job

    def all(self) -> list[SweepJob]:
        """The newest job of every sweep, the newest first."""
        with _explain_errors(self._address):
            found = [_parse_job(job) for job in self._client.list_jobs() if SWEEP in (job.metadata or {})]
        newest: dict[str, SweepJob] = {}
        for job in sorted(found, key=lambda job: (job.over, -job.started)):
            newest.setdefault(job.sweep_id, job)
        return sorted(newest.values(), key=lambda job: -job.started)

    def find(self, name: str) -> SweepJob:
        """The newest job of a sweep, by its id or the beginning of it.

        :raises UsageError: the name is blank, there is none, or several sweeps begin so.
        """
        known = {job.sweep_id: job for job in self.all()}
        return known[resolve_id(name, known, "sweep", f"among the Ray jobs of {self._address.text}")]

    def info(self, job: str) -> SweepJob:
        """How a job is now."""
        with _explain_errors(self._address):
            return _parse_job(self._client.get_job_info(job))

    def stop(self, job: str) -> None:
        """Ask a job to end in order."""
        with _explain_errors(self._address):
            self._client.stop_job(job)

    def ended(self, job: str) -> SweepJob:
        """Wait until a job that was stopped has ended; how it is then.

        :raises UsageError: it did not end.
        """
        for _ in range(2 * (STOP_SECONDS + 10)):
            if (found := self.info(job)).over:
                return found
            time.sleep(0.5)
        raise UsageError(f"Ray job {job} was told to stop and still runs; see `advsweep logs`")

    def log(self, job: str) -> str:
        """Everything that a job has printed."""
        with _explain_errors(self._address):
            text: str = self._client.get_job_logs(job)
        return "".join(line for line in text.splitlines(keepends=True) if not OF_RAY.search(line))

    def follow(self, job: str, show: Callable[[str], None]) -> None:
        """Show what a job prints until it ends; a connection that is lost is made again.

        :raises UsageError: it is lost for good.
        """
        seen, lost = 0, 0

        async def tail() -> None:
            nonlocal seen, lost
            skip = seen  # a new connection tells everything from the beginning
            async for chunk in self._client.tail_job_logs(job):
                fresh, skip = chunk[skip:], max(0, skip - len(chunk))
                seen, lost = seen + len(fresh), 0
                show(fresh)

        while True:
            try:
                asyncio.run(tail())
                return
            except (RuntimeError, OSError) as error:
                lost += 1
                if lost >= RECONNECTS:
                    raise UsageError(f"{self._address.text} is gone ({error}); the sweep goes on without") from error
                time.sleep(min(2**lost / 4, 10.0))


def _parse_job(job: Any) -> SweepJob:
    metadata = job.metadata or {}
    ended = job.end_time / 1000 if job.end_time else None
    return SweepJob(
        job.submission_id,
        metadata.get(SWEEP, ""),
        metadata.get(STORAGE, ""),
        str(getattr(job.status, "value", job.status)),
        (job.start_time or 0) / 1000,
        ended,
        job.driver_exit_code,
        job.message or "",
    )


@contextlib.contextmanager
def _explain_errors(address: Address) -> Iterator[None]:
    from ray.exceptions import AuthenticationError

    try:
        yield
    except AuthenticationError as error:
        from orchestrator.cluster.connect import TOKEN_HINT

        reason = str(error).strip().splitlines()[0]
        raise UsageError(f"--address {address.text}: {reason}; {TOKEN_HINT}") from error
    except (RuntimeError, OSError, ValueError) as error:
        reason = next(iter(str(error).strip().splitlines()), type(error).__name__)
        raise UsageError(f"--address {address.text}: {reason}") from error


@contextlib.contextmanager
def _unset_variables(names: Sequence[str]) -> Iterator[None]:
    before = {name: os.environ.pop(name) for name in names if name in os.environ}
    try:
        yield
    finally:
        os.environ.update(before)
