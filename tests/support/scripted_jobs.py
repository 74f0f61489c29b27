"""The Ray jobs of a cluster that is not there."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import replace
from typing import Any

from orchestrator.cluster.address import Address
from orchestrator.remote.ray_jobs import SweepJob
from orchestrator.remote.submission import JobSubmission
from orchestrator.store.identifiers import resolve_id

RUNNING = SweepJob("digits-2b-1", "digits-2b", "s3://bucket/a", "RUNNING", time.time(), None, None, "")
ENDED = SweepJob("mnist-3c-1", "mnist-3c", "s3://bucket/b", "SUCCEEDED", 1000.0, 1100.0, 0, "")
LOGS = {
    RUNNING.id: "a note\n[5 s] trials 1/4, jobs 2/6, reused 0, ETA -\nanother note\n",
    ENDED.id: "[95 s] trials 3/4, jobs 5/6, reused 0, ETA 5 s\n4 trials, 4 finished, 0 failed, 0 not run\n",
}


class ScriptedJobs:
    """Stands in for `RayJobs`."""

    def __init__(self, address: Address) -> None:
        self.address = address
        self.jobs = {job.id: job for job in (RUNNING, ENDED)}
        self.logs = LOGS
        self.ending: dict[str, Any] = {"status": "SUCCEEDED", "exit_code": 0}
        """How a job is once it was followed."""
        self.submitted: list[JobSubmission] = []
        self.stopped: list[str] = []

    def submit(self, submission: JobSubmission) -> str:
        """It ends as soon as it is followed."""
        self.submitted.append(submission)
        job = f"{submission.sweep_id}-1"
        self.jobs[job] = replace(RUNNING, id=job, sweep_id=submission.sweep_id)
        return job

    def all(self) -> list[SweepJob]:
        return list(self.jobs.values())

    def find(self, name: str) -> SweepJob:
        known = {job.sweep_id: job for job in self.all()}
        return known[resolve_id(name, known, "sweep", "among the Ray jobs of a script")]

    def info(self, job: str) -> SweepJob:
        return self.jobs[job]

    def log(self, job: str) -> str:
        return self.logs.get(job, "")

    def stop(self, job: str) -> None:
        self.stopped.append(job)
        self.jobs[job] = replace(self.jobs[job], status="STOPPED")

    def ended(self, job: str) -> SweepJob:
        assert self.jobs[job].over
        return self.jobs[job]

    def follow(self, job: str, show: Callable[[str], None]) -> None:
        text = self.log(job)
        half = len(text) // 2  # a line comes in pieces
        show(text[:half])
        show(text[half:])
        self.jobs[job] = replace(self.jobs[job], **self.ending)
