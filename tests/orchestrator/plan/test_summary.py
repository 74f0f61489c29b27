"""The figures of a plan, as they are counted and as they are printed."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

from orchestrator.plan.plan import Plan, make_plan
from orchestrator.plan.summary import collect_plan_facts, describe_work, format_plan
from orchestrator.space import space as spaces
from orchestrator.store.sweep_store import SweepStore
from tests.support.ample_sweep import CONTENT, list_known_ids
from tests.support.kept import expect_kept


def make_ample_plan() -> Plan:
    return make_plan(spaces.build("ample", "ample", dict(CONTENT)), None)


def test_stages_are_counted_in_trials_distinct_stored_and_left(ample: SweepStore) -> None:
    """Of 64 trials 61 attacks and all trainings are stored; nobody needs what was pruned in between."""
    facts = collect_plan_facts(make_ample_plan(), ample.storage, slots=3)
    counted = {kind: tuple(counts.values()) for kind, counts in facts["stages"].items() if counts["in_trials"]}
    assert (counted["train"], counted["prune"]) == ((64, 2, 2, 0), (32, 2, 0, 0))
    assert (counted["adversarial_finetune"], counted["attack"]) == ((32, 4, 4, 0), (64, 64, 61, 3))
    assert len(counted) == 4
    assert facts["shared"] == 1 - 72 / 192
    assert (facts["trials"], facts["slots"], facts["gpus"], facts["devices"]) == (64, 3, None, None)
    assert facts["missing_data"] == []
    assert facts["critical_path_seconds"] <= facts["seconds"] < facts["unshared_seconds"]
    expect_kept("plan.txt", "\n".join(format_plan(facts)), list_known_ids(ample))


def test_what_is_not_known_is_said() -> None:
    counts = {"in_trials": 4, "distinct": 2, "in_store": 0, "runs": 1}
    facts: dict[str, Any] = {
        "sweep_id": "made-1", "trials": 4, "left_out": 0, "missing_data": ["no such folder"], "shared": 0.5, "slots": 2,
        "gpus": None, "untimed_jobs": 1,
        "devices": "no GPU", "seconds": None, "critical_path_seconds": None, "unshared_seconds": None,
        "stages": {"train": counts, "prune": dict.fromkeys(counts, 0)},
    }  # fmt: skip
    assert format_plan(facts) == [
        "made-1: 4 trials",
        "stage  in trials  distinct  in store  jobs to do\n"
        "-----  ---------  --------  --------  ----------\n"
        "train          4         2         -           1",
        "sharing saves 50.0 % of all stages",
        "no GPU",
        "planned without its data, so what is stored is not known: no such folder",
        "no time estimate: 1 of 1 job: nothing like it was ever timed here",
    ]
    assert format_plan({**facts, "left_out": 3})[0].startswith("made-1: 4 trials (3 more left out: ")
    one = format_plan({**facts, "slots": 1, "seconds": 9.0, "critical_path_seconds": 9.0, "unshared_seconds": 9.0})
    assert one[-1].startswith("estimated time on 1 slot: 9 s")
    known = {**facts, "missing_data": [], "devices": None, "seconds": 90.0, "critical_path_seconds": 30.0}
    assert format_plan(known | {"unshared_seconds": 600.0})[-1] == (
        "estimated time on 2 slots: 1 min 30 s (critical path 30 s; every trial on its own: 10 min 00 s)"
    )


def test_what_a_launch_is_about_to_do_is_one_line() -> None:
    def describe(finished: int, jobs: list[int], records: int, left_out: int = 0) -> str:
        space = SimpleNamespace(left_out=left_out)
        prepared: Any = SimpleNamespace(
            plan=SimpleNamespace(sweep_id="made-1", trials=[None] * 5, space=space),
            finished=dict.fromkeys(range(finished)), complete=finished == 5,
            jobs=[SimpleNamespace(stages=[None] * count) for count in jobs],
            records=dict.fromkeys(range(records)),
        )  # fmt: skip
        return describe_work(prepared)

    assert describe(2, [1, 3, 1], 1) == "made-1: 5 trials, 2 finished, 3 to do: 5 stages in 3 jobs, 1 stage reused"
    assert describe(0, [1], 7) == "made-1: 5 trials, 0 finished, 5 to do: 1 stage in 1 job, 7 stages reused"
    assert describe(5, [], 9) == "made-1: 5 trials, 5 finished, nothing to do"
    left_out = "(2 more left out: their certificate does not fit their `inference`)"
    assert describe(5, [], 9, 2) == f"made-1: 5 trials {left_out}, 5 finished, nothing to do"
