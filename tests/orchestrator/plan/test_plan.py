"""The graph of distinct stages: what is shared, what is missing, and that a plan depends on the space alone."""

from __future__ import annotations

import json
from typing import Any

import pytest

from orchestrator.plan.plan import Plan, list_kinds, make_plan, make_sweep_id, plan_text
from orchestrator.space import space as spaces
from tasks.errors import UsageError
from tests.conftest import CONFIG

ATTACK = {"name": "ifgsm", "eps": "8/255", "steps": {"grid_search": [2, 5]}, "step_size": "2/255"}

HELD = {**CONFIG["dataset"], "split": {"test": 0.1, "validation": 0.25}}  # type: ignore[dict-item]
"""Of 200 images 50 are held out."""


def planned(**changes: Any) -> Plan:
    return make_plan(spaces.build("test", "test", {**CONFIG, "attack": ATTACK, **changes}))


GRID = planned(prune={"ratio": {"grid_search": [0.25, 0.5]}})
"""Two pruned models with two attack cells each."""


def keys(plan: Plan, *kinds: str) -> set[str]:
    return {key for key, stage in plan.stages.items() if stage.kind in kinds}


def test_equal_stages_are_one_and_cells_that_differ_in_steps_one_job() -> None:
    assert len(GRID.trials) == 4
    assert dict(GRID.unshared()) == dict.fromkeys(CONFIG.keys() & GRID.count().keys(), 4)
    assert GRID.count() == {"train": 1, "prune": 2, "finetune": 2, "adversarial_finetune": 2, "attack": 4}
    assert sorted(len(job.stages) for job in GRID.jobs(())) == [1] * 7 + [2] * 2


def test_upstream_stands_first() -> None:
    seen: set[str] = set()
    for job in GRID.jobs(()):
        assert seen.issuperset(job.upstream)
        seen |= {stage.key for stage in job.stages}
    assert seen == GRID.stages.keys()


def test_only_what_a_missing_attack_needs_is_missing() -> None:
    attacks = keys(GRID, "attack")
    assert GRID.needed(GRID.stages.keys()) == []
    assert GRID.needed(attacks) == [], "a lost model is not trained again for attacks that are there"
    one = GRID.trials[0].chain
    rest = [stage.key for stage in GRID.needed(GRID.stages.keys() - {one[-1].key, one[1].key})]
    assert rest == [one[-1].key], "its model is stored, so what made it is not needed"
    rest = [stage.kind for stage in GRID.needed(attacks - {one[-1].key})]
    assert rest == ["train", "prune", "finetune", "adversarial_finetune", "attack"]


def test_the_text_of_a_plan_names_every_key_with_its_identity() -> None:
    content = json.loads(plan_text(GRID))
    assert content["sweep_id"] == GRID.sweep_id
    assert {key: stage.identity for key, stage in GRID.stages.items()} == content["stages"]
    assert [trial["stages"] for trial in content["trials"]] == [
        [stage.key for stage in trial.chain] for trial in GRID.trials
    ]


def test_a_sweep_is_named_by_the_space_and_by_its_trials_in_any_order() -> None:
    assert make_sweep_id("My Space!", ["b", "a"]) == make_sweep_id("my-space", ["a", "b"])
    assert make_sweep_id("x", ["a"]) != make_sweep_id("x", ["b"])
    assert make_sweep_id("???", ["a"]).startswith("space-")


def test_more_images_than_the_test_split_has_are_refused() -> None:
    with pytest.raises(
        UsageError, match=r"^test: 1 problem\n  attack.examples = 9999: the test split of digits has 180 images"
    ):
        planned(attack={**ATTACK, "examples": 9999})
    assert len(planned(attack={**ATTACK, "examples": 180}).trials) > 0, "exactly as many are let through"


def test_a_fixed_set_of_all_training_images_is_planned_and_one_more_is_refused() -> None:
    def ask(count: int, **section: Any) -> Plan:
        tuned = {**CONFIG["adversarial_finetune"], "fixed_examples": count, **section}  # type: ignore[dict-item]
        return planned(dataset=HELD, adversarial_finetune=tuned)

    assert ask(150).trials
    with pytest.raises(UsageError, match=r"  adversarial_finetune\.fixed_examples = 151: there are only 150"):
        ask(151)
    named = {"name": "adversarial", "lambda": 1, "attack": {"name": "fgsm", "eps": 0.1}, "fixed_examples": 151}
    place = r"^test: 1 problem\n  train\.objective\.fixed_examples = 151: there are only 150"
    with pytest.raises(UsageError, match=place):
        planned(dataset=HELD, train={"epochs": 1, "optimizer": {"name": "sgd", "lr": 0.1}, "objective": named})
    assert ask(151, epochs=0).trials, "a stage that is skipped asks for nothing"


def test_kinds_are_listed_as_trials_walk_them() -> None:
    assert list_kinds(GRID) == ["train", "prune", "finetune", "adversarial_finetune", "attack"]
    assert list_kinds(planned(prune=None, finetune=None, adversarial_finetune=None)) == ["train", "attack"]
