"""How long a sweep will still take: by comparable jobs alone, and never less than what runs."""

from __future__ import annotations

import pytest

from orchestrator.plan.estimates import Speeds, estimate_work, find_likeness
from orchestrator.plan.plan import make_plan
from orchestrator.run.remaining_time import Remaining, RemainingTime, Task, make_task
from orchestrator.space import space as spaces
from tests.conftest import CONFIG

PRUNE, TRAIN, ATTACK = Task(("prune",), 0.01), Task(("train",), 100.0), Task(("attack", "pgd"), 10.0)


def remaining(seconds: float, *, is_least: bool = False) -> Remaining:
    return Remaining(pytest.approx(seconds), is_least=is_least)  # type: ignore[arg-type]


def test_a_small_job_of_another_kind_promises_no_hours() -> None:
    left = RemainingTime([PRUNE, TRAIN, TRAIN, ATTACK])
    left.note_end(PRUNE, 3.0)
    assert left.estimate([], 3.0) is None
    left.note_end(TRAIN, 60.0)
    assert left.estimate([], 63.0) == remaining(60, is_least=True), "of the attack nothing is known"
    left.note_end(TRAIN, 60.0)
    left.note_end(ATTACK, 5.0)
    assert left.estimate([], 130.0) is None, "nothing is left"


@pytest.mark.parametrize(("work", "expected"), [(40.0, 20.0), (41.0, None), (1.0, 0.5)])
def test_a_much_larger_job_is_not_judged_by_a_small_one(work: float, expected: float | None) -> None:
    larger = Task(ATTACK.likeness, work)
    left = RemainingTime([ATTACK, larger])
    left.note_end(ATTACK, 5.0)
    assert left.estimate([], 5.0) == (None if expected is None else remaining(expected))


def test_the_times_of_earlier_sweeps_count_until_there_are_own() -> None:
    known = Task(ATTACK.likeness, ATTACK.work, forecast=30.0)
    left = RemainingTime([known, known, known])
    assert left.estimate([(known, 10.0)], 10.0) == remaining(80)
    left.note_end(known, 4.0)
    assert left.estimate([], 4.0) == remaining(8)


def test_jobs_side_by_side_are_over_sooner_and_never_before_the_longest() -> None:
    left = RemainingTime([ATTACK] * 6)
    for _ in range(2):
        left.note_end(ATTACK, 10.0)
    assert left.estimate([], 10.0) == remaining(20), "four are left, two at a time"
    left.note_end(ATTACK, 10.0)
    left.note_end(ATTACK, 10.0)
    left.drop(ATTACK)
    assert left.estimate([], 20.0) == remaining(10), "the last one has nothing beside it"
    mixed = RemainingTime([*[ATTACK] * 3, Task(ATTACK.likeness, 40.0)])
    for _ in range(2):
        mixed.note_end(ATTACK, 10.0)
    assert mixed.estimate([], 10.0) == remaining(40), "10 s beside 40 s"


def test_a_job_that_takes_longer_than_expected_is_not_over_at_once() -> None:
    left = RemainingTime([ATTACK, ATTACK])
    left.note_end(ATTACK, 10.0)
    assert left.estimate([(ATTACK, 9.0)], 19.0) == remaining(2.25), "a quarter of its time"
    assert left.estimate([(ATTACK, 40.0)], 50.0) == remaining(10)
    assert left.estimate([(ATTACK, 4.0)], 14.0) == remaining(6)


def test_a_job_is_as_long_as_the_longest_of_its_stages_and_known_where_all_are() -> None:
    attack = {"name": "ifgsm", "eps": 0.1, "step_size": 0.1, "steps": {"grid_search": [1, 10]}}
    plan = make_plan(spaces.build("test", "test", {**CONFIG, "attack": attack}))
    (job,) = (job for job in plan.jobs(()) if job.kind == "attack")
    work = [estimate_work(stage, plan.data[stage.dataset]) for stage in job.stages]
    likeness = find_likeness(job.stages[0])
    assert likeness == ("attack", "resnet8", "digits", "ifgsm")
    assert make_task(plan, job, Speeds({}, {})) == Task(likeness, max(work), None)
    few = Speeds({}, {}, {likeness: [(min(work), 1.0)]})
    assert make_task(plan, job, few) == Task(likeness, max(work), None), "ten steps are not judged by one"
    all_known = Speeds({}, {}, {likeness: [(max(work), 8.0)]})
    assert make_task(plan, job, all_known) == Task(likeness, max(work), pytest.approx(8.0))  # type: ignore[arg-type]


def test_before_a_moment_of_work_was_seen_jobs_are_taken_to_run_one_after_another() -> None:
    known = Task(ATTACK.likeness, ATTACK.work, forecast=30.0)
    assert RemainingTime([known, known]).estimate([(known, 0.0)], 5.0) == remaining(60)
