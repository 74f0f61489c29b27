"""In which order and how long jobs would run on a number of slots."""

from __future__ import annotations

import heapq
import itertools
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from orchestrator.plan.estimates import Speeds
from orchestrator.plan.plan import Job, Plan


@dataclass(frozen=True)
class Schedule:
    """What a list scheduler without any overhead would make of the jobs."""

    seconds: float
    finished_at: Mapping[str, float]
    """Stage key -> seconds after the start."""
    critical_path: float
    """Seconds of the longest chain, however many slots there are."""
    total: float
    """Seconds of all jobs together."""


def estimate_job_seconds(plan: Plan, jobs: Sequence[Job], speeds: Speeds) -> dict[str, float]:
    """Job -> expected seconds: the longest of its stages, since they share one run."""
    return {job.id: max(speeds.seconds(stage, plan.data[stage.dataset]) for stage in job.stages) for job in jobs}


def measure_remaining_paths(jobs: Sequence[Job], seconds: Mapping[str, float]) -> dict[str, float]:
    """Job -> seconds of the longest chain that starts with it: the priority of critical-path scheduling."""
    producer = {stage.key: job.id for job in jobs for stage in job.stages}
    after: dict[str, list[str]] = defaultdict(list)
    for job in jobs:
        for key in job.upstream:
            if key in producer:
                after[producer[key]].append(job.id)
    longest: dict[str, float] = {}
    for job in reversed(jobs):  # a plan lists upstream first, so everything behind a job is known by now
        longest[job.id] = seconds[job.id] + max((longest[child] for child in after[job.id]), default=0.0)
    return longest


def list_schedule(jobs: Sequence[Job], seconds: Mapping[str, float], slots: int) -> Schedule:
    """Run the jobs on so many slots, longest remaining path first."""
    paths = measure_remaining_paths(jobs, seconds)
    producer = {stage.key: job.id for job in jobs for stage in job.stages}
    waiting = {job.id: sum(key in producer for key in job.upstream) for job in jobs}
    after: dict[str, list[Job]] = defaultdict(list)
    for job in jobs:
        for key in job.upstream:
            after[producer.get(key, "")].append(job)
    order = itertools.count()
    ready = [(-paths[job.id], next(order), job) for job in jobs if not waiting[job.id]]
    heapq.heapify(ready)
    running: list[tuple[float, int, Job]] = []
    now = 0.0
    finished: dict[str, float] = {}
    while ready or running:
        while ready and len(running) < slots:
            _, _, job = heapq.heappop(ready)
            heapq.heappush(running, (now + seconds[job.id], next(order), job))
        now, _, job = heapq.heappop(running)
        finished |= {stage.key: now for stage in job.stages}
        for child in after[job.id]:
            waiting[child.id] -= 1
            if not waiting[child.id]:
                heapq.heappush(ready, (-paths[child.id], next(order), child))
    return Schedule(now, finished, max(paths.values(), default=0.0), sum(seconds[job.id] for job in jobs))
