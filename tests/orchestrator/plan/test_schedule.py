"""The order of jobs and how long they would take, by hand."""

from __future__ import annotations

from typing import cast

import pytest

from orchestrator.plan.estimates import Speeds
from orchestrator.plan.plan import Job, make_plan
from orchestrator.plan.schedule import estimate_job_seconds, list_schedule, measure_remaining_paths
from orchestrator.space import space as spaces
from tasks.trial.chain import Stage
from tests.conftest import CONFIG


class FakeStage:
    """A stage of which only its name and what it builds on matter here."""

    def __init__(self, key: str, *upstream: str) -> None:
        self.key = key
        self.upstream = {f"role {place}": name for place, name in enumerate(upstream)}


def job(key: str, *upstream: str) -> Job:
    return Job(key, "train", [cast(Stage, FakeStage(key, *upstream))])


JOBS = [job("base"), job("short", "base"), job("long", "base"), job("end", "long"), job("alone")]
SECONDS = {"base": 1.0, "short": 2.0, "long": 3.0, "end": 4.0, "alone": 5.0}


def test_the_priority_of_a_job_is_its_longest_path_to_the_end() -> None:
    assert measure_remaining_paths(JOBS, SECONDS) == {"base": 8, "short": 2, "long": 7, "end": 4, "alone": 5}


@pytest.mark.parametrize(
    ("slots", "finished_at"),
    [
        (1, {"base": 1, "long": 4, "alone": 9, "end": 13, "short": 15}),
        (2, {"base": 1, "long": 4, "alone": 5, "end": 8, "short": 7}),
        (9, {"base": 1, "long": 4, "alone": 5, "end": 8, "short": 3}),
    ],
)
def test_the_longest_remaining_path_goes_first(slots: int, finished_at: dict[str, float]) -> None:
    found = list_schedule(JOBS, SECONDS, slots)
    assert found.finished_at == finished_at
    assert found.seconds == max(finished_at.values())
    assert (found.critical_path, found.total) == (8, 15)


def test_what_is_stored_is_not_waited_for() -> None:
    assert list_schedule([job("end", "stored elsewhere")], {"end": 4.0}, 1).seconds == 4
    assert list_schedule([], {}, 3).seconds == 0


def test_a_job_waits_for_all_that_it_builds_on() -> None:
    jobs = [job("quick"), job("slow"), job("both", "quick", "slow")]
    found = list_schedule(jobs, {"quick": 1.0, "slow": 5.0, "both": 2.0}, 9)
    assert found.finished_at == {"quick": 1, "slow": 5, "both": 7}
    assert list_schedule(jobs, {"quick": 1.0, "slow": 5.0, "both": 2.0}, 1).seconds == 8, "and runs once"


def test_attacks_that_share_a_run_take_as_long_as_the_longest() -> None:
    attack = {"name": "ifgsm", "eps": "8/255", "steps": {"grid_search": [5, 50]}}
    plan = make_plan(spaces.build("test", "test", {**CONFIG, "attack": attack}))
    *_, shared = plan.jobs([])
    speeds = Speeds({}, {"attack": 3.0})
    alone = [speeds.seconds(stage, plan.data[stage.dataset]) for stage in shared.stages]
    assert len(alone) == 2
    assert alone[1] > 5 * alone[0]
    assert estimate_job_seconds(plan, [shared], speeds) == {shared.id: alone[1]}
