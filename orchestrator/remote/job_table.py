"""The sweeps that run as jobs of a cluster, as a table."""

from __future__ import annotations

import json
from dataclasses import asdict

from orchestrator.cluster.address import parse_address
from orchestrator.remote.follow_job import describe_age, find_last_line
from orchestrator.remote.ray_jobs import RayJobs
from orchestrator.text import format_table


def render_job_table(address: str, sweep: str | None, *, as_json: bool) -> str:
    """The newest job of each sweep of a cluster, or of one sweep."""
    jobs = RayJobs(parse_address(address))
    found = [jobs.find(sweep)] if sweep is not None else jobs.all()
    if as_json:
        return json.dumps([asdict(job) | {"progress": find_last_line(jobs.log(job.id))} for job in found], indent=1)
    if not found:
        return "no sweeps yet"
    rows = [
        [job.sweep_id, job.status.lower(), describe_age(job), find_last_line(jobs.log(job.id)), job.storage]
        for job in found
    ]
    return format_table(["sweep", "job", "time", "progress", "storage"], rows)
