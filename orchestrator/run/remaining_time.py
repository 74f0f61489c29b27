"""How long a sweep will still take, by what its own jobs and those of earlier sweeps took."""

from __future__ import annotations

from collections import Counter, defaultdict, deque
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from orchestrator.plan.estimates import Likeness, Speeds, estimate_work, find_likeness, predict_seconds
from orchestrator.plan.plan import Job, Plan

KEPT = 64
"""Times of jobs of one likeness that are kept: with more the median changes no more."""
OVERDUE = 0.25
"""A job that takes longer than expected is taken to need so much of its time again."""


@dataclass(frozen=True)
class Task:
    """A job, as far as it says how long it takes."""

    likeness: Likeness
    work: float
    """As `estimate_work` has it."""
    forecast: float | None = None
    """Seconds by the times of earlier stages; null where none of them is comparable."""


@dataclass(frozen=True)
class Remaining:
    """An estimate of the seconds until the end."""

    seconds: float
    is_least: bool
    """Whether there are jobs besides of which nothing is known."""


class RemainingTime:
    """Estimates from the jobs that have ended. Nothing is concluded from jobs of another kind, model or attack, or from
    much smaller ones: of a small job most of the time is not spent on its work."""

    def __init__(self, tasks: Iterable[Task]) -> None:
        self._open = Counter(tasks)
        """Those that have not ended, by what they are."""
        self._times: dict[Likeness, deque[tuple[float, float]]] = defaultdict(lambda: deque(maxlen=KEPT))
        self._spent = 0.0

    def note_end(self, task: Task, seconds: float) -> None:
        """A job has ended well."""
        self.drop(task)
        self._times[task.likeness].append((task.work, seconds))
        self._spent += seconds

    def drop(self, task: Task) -> None:
        """A job will not run, or not again."""
        self._open[task] -= 1
        if self._open[task] <= 0:
            del self._open[task]

    def estimate(self, running: Sequence[tuple[Task, float]], elapsed: float) -> Remaining | None:
        """Seconds until the end, if jobs run side by side as much as they did so far; null where nothing is known.

        :param running: the jobs that run, and for how many seconds.
        :param elapsed: seconds since the first job began.
        """
        expected = {task: self._predict(task) for task in self._open}
        waiting = self._open - Counter(task for task, _ in running)
        lasting = [_find_rest(expected[task], age) for task, age in running if task in expected]
        waits = [(expected[task], count) for task, count in waiting.items()]
        known = [rest for rest in lasting if rest is not None]
        total = sum(known) + sum(seconds * count for seconds, count in waits if seconds is not None)
        is_least = None in lasting or any(seconds is None for seconds, _ in waits)
        if not total:
            return None
        busy = self._spent + sum(age for _, age in running)
        side_by_side = busy / elapsed if elapsed and busy else 1.0
        longest = max([*known, *(seconds for seconds, _ in waits if seconds is not None)])
        return Remaining(max(longest, total / min(side_by_side, self._open.total())), is_least)

    def _predict(self, task: Task) -> float | None:
        found = predict_seconds(task.work, self._times[task.likeness]) if task.likeness in self._times else None
        return task.forecast if found is None else found


def _find_rest(expected: float | None, age: float) -> float | None:
    return None if expected is None else max(expected - age, OVERDUE * age)


def make_task(plan: Plan, job: Job, speeds: Speeds) -> Task:
    """A job that is about to run: as long as the longest of its stages, since they share one run."""
    work = {stage.key: estimate_work(stage, plan.data[stage.dataset]) for stage in job.stages}
    forecasts = [speeds.forecast(stage, plan.data[stage.dataset]) for stage in job.stages]
    known = [seconds for seconds in forecasts if seconds is not None]
    return Task(find_likeness(job.stages[0]), max(work.values()), max(known) if len(known) == len(forecasts) else None)
