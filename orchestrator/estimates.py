"""How long stages take: work counted from the settings, speed taken from the seconds of earlier artifacts."""

from __future__ import annotations

import heapq
import itertools
import statistics
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from orchestrator.plan import Job, Plan
from tasks.attacks.settings import AttackSettings
from tasks.chain import Stage
from tasks.data.sources import Inspection
from tasks.training.settings import AdversarialFinetuneSettings, TrainSettings

Group = tuple[str, str, str]
"""Kind of stage, model, data set: stages of one group have one speed."""
LEAST_WORK = 0.01


def group(stage: Stage) -> Group:
    """The group whose speed a stage shares."""
    return (stage.kind, stage.model.name, stage.dataset.name)


def work(stage: Stage, data: Inspection) -> float:
    """Thousands of image passes, a backward pass counted as two."""
    settings = stage.settings
    if isinstance(settings, AttackSettings):
        images = min(settings.examples or data.test_images, data.test_images)
        return max(LEAST_WORK, (1 + settings.method.passes) * images / 1000)
    if isinstance(settings, TrainSettings):
        return max(LEAST_WORK, settings.epochs * _passes(settings) * data.train_images / 1000)
    return LEAST_WORK


def _passes(settings: TrainSettings) -> float:
    if not isinstance(settings, AdversarialFinetuneSettings) or settings.attack is None:
        return 3.0
    return settings.attack.passes + 3.0 * ((settings.weight < 1) + (settings.weight > 0))


@dataclass(frozen=True)
class Speeds:
    """Seconds per unit of work, from what ran before."""

    by_group: Mapping[Group, float]
    by_kind: Mapping[str, float]

    @property
    def known(self) -> bool:
        """Whether anything was ever timed."""
        return bool(self.by_kind)

    def seconds(self, stage: Stage, data: Inspection) -> float:
        """The expected duration of a stage; in units of work where nothing was ever timed."""
        rate = self.by_group.get(group(stage)) or self.by_kind.get(stage.kind)
        return work(stage, data) * (rate or statistics.median(self.by_kind.values() or [1.0]))

    @classmethod
    def measured(cls, plan: Plan, records: Mapping[str, Mapping[str, Any]]) -> Speeds:
        """Medians over the recorded stages of this plan."""
        rates: dict[Group, list[float]] = defaultdict(list)
        for key, record in records.items():
            stage = plan.stages.get(key)
            if stage is not None:
                rates[group(stage)].append(record["seconds"] / work(stage, plan.data[stage.dataset]))
        kinds: dict[str, list[float]] = defaultdict(list)
        for (kind, _, _), values in rates.items():
            kinds[kind] += values
        return cls(
            {key: statistics.median(values) for key, values in rates.items()},
            {key: statistics.median(values) for key, values in kinds.items()},
        )


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


def job_seconds(plan: Plan, jobs: Sequence[Job], speeds: Speeds) -> dict[str, float]:
    """Job -> expected seconds: the longest of its stages, since they share one run."""
    return {job.id: max(speeds.seconds(stage, plan.data[stage.dataset]) for stage in job.stages) for job in jobs}


def remaining_path(jobs: Sequence[Job], seconds: Mapping[str, float]) -> dict[str, float]:
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
    paths = remaining_path(jobs, seconds)
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


def duration(seconds: float) -> str:
    """`45 s`, `3 min 20 s`, `2 h 05 min`."""
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s" if whole else f"{seconds:.1f} s"
    if whole < 3600:
        return f"{whole // 60} min {whole % 60:02d} s"
    return f"{whole // 3600} h {whole % 3600 // 60:02d} min"
