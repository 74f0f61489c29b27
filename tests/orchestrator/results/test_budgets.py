"""Attacks of one budget on the same images: who leaves more, and what withstands them all."""

from __future__ import annotations

import json
from typing import Any

import pytest

from orchestrator.results.budgets import (
    Budget,
    Discordance,
    WorstCase,
    describe_scope,
    find_worst_case,
    group_budgets,
    identify_run,
)
from orchestrator.results.image_reader import Robust
from orchestrator.results.verdicts import annotate_rows
from tests.support.mixed_images import ROWS, WORDS, A, B, C, D, read_images
from tests.support.rows import ifgsm, row

SHORT, LONG, OTHER = ifgsm("8/255", 10, 300), ifgsm("8/255", 20, 250), row({"name": "apgd_ce", "eps": "8/255"}, 280)
IMAGES: dict[str, Robust] = {
    SHORT["attack_key"]: dict.fromkeys(range(6), True),
    LONG["attack_key"]: {0: True, 1: True, 2: False, 3: True, 4: True, 5: True},
    OTHER["attack_key"]: {0: True, 1: False, 2: True, 3: True, 5: False},
}
"""Image 4 was not attacked by the last one."""
BUDGET = Budget([SHORT, LONG, OTHER], lambda found: IMAGES.get(found["attack_key"]))


def test_an_image_is_left_where_every_attack_has_tried_and_failed() -> None:
    assert BUDGET.worst_case == WorstCase(2, 5), "images 0 and 3; of one trajectory its end counts"
    assert Budget([OTHER, LONG], BUDGET.read).worst_case == WorstCase(2, 5)
    assert Budget([SHORT, LONG], BUDGET.read).worst_case == WorstCase(250, 1000)
    assert Budget([LONG, OTHER], lambda _: None).worst_case is None


def test_of_attacks_on_other_images_the_worst_case_is_of_those_that_all_saw() -> None:
    assert Budget(ROWS, read_images).worst_case == WorstCase(1, 4)
    assert [Budget(ROWS, read_images).count_above(row) for row in (A, B, C)] == [3, 1, 2]
    for rows in (ROWS, ROWS[::-1]):
        judged = annotate_rows(rows, read_images)
        assert find_worst_case(judged) == WorstCase(1, 4)
        assert describe_scope(judged) == WORDS
    assert Budget([A, C], read_images).worst_case == WorstCase(5, 8)
    assert Budget([B, D], read_images).worst_case == WorstCase(2, 4)
    assert find_worst_case([A, B, C, D]) == WorstCase(2, 4), "not compared yet: the strongest, on its own images"
    assert describe_scope([A, B, C, D]) == "on 4 images that the strongest saw, without pgd on 1"
    assert describe_scope([A, C]) == "", "all saw the same"


def test_what_an_earlier_version_stored_is_of_attacks_on_equally_many_images() -> None:
    stored = [{**row, "worst_case_correct": 5} for row in (A, C)]
    assert find_worst_case(stored) == find_worst_case([*stored, D]) == WorstCase(5, 8)
    other = {**B, "worst_case_correct": 2}
    assert find_worst_case([*stored, other]) == WorstCase(2, 4)
    late = {**C, "trial_id": "late", "robust_correct": 3}
    assert find_worst_case([*stored, late]) == WorstCase(3, 8), "it was run after the attacks were compared"


def test_an_attack_on_correct_images_alone_is_left_out_beside_one_on_all() -> None:
    chosen = {**C, "only_correct": True, "robust_correct": 1, "trial_id": "chosen"}
    assert find_worst_case([A, chosen]) == WorstCase(7, 8)
    assert describe_scope([A, chosen]) == "without ifgsm on 8 that are seen rightly"
    assert find_worst_case([chosen]) == WorstCase(1, 8)
    assert describe_scope([chosen]) == ""


def test_two_attacks_are_compared_on_the_images_of_both() -> None:
    assert BUDGET.compare(LONG, OTHER) == Discordance(only_first=2, only_second=1)
    assert BUDGET.compare(OTHER, LONG) == Discordance(only_first=1, only_second=2)
    assert BUDGET.compare(SHORT, LONG) == Discordance(only_first=50, only_second=0), "one trajectory: counts tell"
    assert Budget([LONG, OTHER], lambda _: None).compare(LONG, OTHER) is None


def test_budgets_are_told_apart_by_norm_and_size() -> None:
    rows = [
        LONG,
        ifgsm("4/255", 20, 500),
        OTHER,
        row({"name": "ifgsm", "norm": "l2", "eps": 8 / 255}, 900),
        ifgsm(0, 1, 950),
    ]
    found = group_budgets(rows, BUDGET.read)
    assert [[each["robust_correct"] for each in budget.rows] for budget in found] == [[250, 280], [500], [900]]


@pytest.mark.parametrize(
    "changes", [{"stop_when_fooled": False}, {"surrogate": {"model": {"name": "resnet8"}, "train": None}}]
)
def test_a_longer_run_may_leave_more_where_images_do_not_stop(changes: dict[str, object]) -> None:
    rows = [row({"name": "ifgsm", "eps": "8/255", "steps": steps, **changes}, 250) for steps in (10, 20)]
    assert Budget(rows, lambda _: None).compare(*rows) is None


PGD = {"name": "pgd", "eps": "8/255", "steps": 10}
SURROGATE = {"seed": 7, "model": {"name": "resnet8"}, "train": {"epochs": 1, "optimizer": {"name": "sgd"}}}


@pytest.mark.parametrize(
    ("attack", "same"),
    [
        ({"steps": 40}, True),
        ({"batch_size": 7}, True),
        ({"eps": "4/255"}, False),
        ({"restarts": 2}, False),
        ({"step_size": 0.001}, False),
        ({"name": "ifgsm"}, False),
    ],
)
def test_cells_that_differ_in_their_steps_alone_are_one_run(attack: dict[str, Any], same: bool) -> None:
    first, second = (identify_run(row({**PGD, **changes}, 200)) for changes in ({}, attack))
    assert first is not None
    assert (first == second) is same


@pytest.mark.parametrize(
    "attack",
    [{"name": "jsma", "eps": 6}, {**PGD, "stop_when_fooled": False}, {**PGD, "surrogate": SURROGATE},
     {"name": "apgd_ce", "eps": "8/255", "steps": 10}],
)  # fmt: skip
def test_where_more_steps_may_fool_less_cells_are_no_run(attack: dict[str, Any]) -> None:
    assert identify_run(row(attack, 200)) is None


@pytest.mark.parametrize("changes", [{"name": "of_a_plugin"}, {"eps": "much"}, {"unknown": 3}])
def test_of_settings_that_are_not_known_here_no_run_is_known(changes: dict[str, Any]) -> None:
    found = row(PGD, 200)
    config = json.loads(found["config"])
    assert identify_run(found | {"config": json.dumps({**config, "attack": {**config["attack"], **changes}})}) is None
