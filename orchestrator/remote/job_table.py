"""The sweeps that run as jobs of a cluster, as a table."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any

from orchestrator.cluster.address import parse_address
from orchestrator.remote.follow_job import find_last_line
from orchestrator.remote.ray_jobs import RayJobs
from orchestrator.text import format_duration, format_table


def collect_job_facts(address: str, sweep: str | None) -> list[dict[str, Any]]:
    """The newest job of each sweep of a cluster, or of one sweep, and the last line that says how far it is.

    :raises UsageError: no dashboard answers at the address, or it has run no such sweep.
    """
    jobs = RayJobs(parse_address(address))
    found = [jobs.find(sweep)] if sweep is not None else jobs.all()
    return [asdict(job) | {"progress": find_last_line(jobs.log(job.id))} for job in found]


def format_job_table(facts: Sequence[Mapping[str, Any]]) -> str:
    """A line for each job."""
    if not facts:
        return "no sweeps yet"
    rows = [
        [job["sweep_id"], job["status"].lower(), _describe_age(job), job["progress"], job["storage"]] for job in facts
    ]
    return format_table(["sweep", "Ray job", "time", "progress", "storage"], rows)


def _describe_age(job: Mapping[str, Any]) -> str:
    """For how long a job runs, or ran."""
    return format_duration((job["ended"] or time.time()) - job["started"]) if job["started"] else "-"
