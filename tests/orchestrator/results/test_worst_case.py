"""The worst case over several attacks: one line for each configuration of a model, whatever its columns."""

from __future__ import annotations

import json

import pytest

from orchestrator.results.checks.verdict import OK, SUSPICIOUS, UPPER_BOUND
from orchestrator.results.worst_case import list_worst_cases
from tests.support.rows import row


def test_worst_cases_of_models_that_are_alike_in_every_column_stay_apart() -> None:
    plain, longer = row({"name": "fgsm", "eps": "8/255"}, 500), row({"name": "fgsm", "eps": "8/255"}, 300)
    settings = json.loads(longer["config"])
    settings["train"]["epochs"] = 99
    longer |= {"config": json.dumps(settings), "adversarial_finetune_key": "f" * 64}
    found = [
        [entry["adversarial_finetune_key"], "linf", 8 / 255, "pixels", 1, 1000, entry["robust_correct"]]
        for entry in (plain, longer)
    ]
    columns, lines = list_worst_cases([plain, longer], found)
    named = [dict(zip(columns, line, strict=True)) for line in lines]
    assert {(entry["train.epochs"], entry["examples"], entry["robust_correct"]) for entry in named} == {
        (json.loads(plain["config"])["train"]["epochs"], 1000, 500),
        (99, 1000, 300),
    }


def test_seeds_are_pooled_and_lines_stand_by_their_budgets() -> None:
    first = row({"name": "fgsm", "eps": "8/255"}, 500)
    second = first | {"seed": 1, "adversarial_finetune_key": "e" * 64}
    one, other = (entry["adversarial_finetune_key"] for entry in (first, second))
    found = [
        [one, "linf", 16 / 255, "pixel", 3, 1000, 100], [one, "linf", 8 / 255, "pixel", 2, 1000, 500],
        [other, "linf", 8 / 255, "pixel", 1, 500, 400], [one, "l2", 8 / 255, "pixel", 1, 10, 1],
    ]  # fmt: skip
    failed = first | {"status": "failed", "adversarial_finetune_key": "f" * 64}
    columns, lines = list_worst_cases([first, second, failed], found)
    assert columns[-10:] == [
        "attack_norm", "attack_eps", "seeds", "attacks", "examples", "robust_correct", "worst_case_robust_accuracy",
        "worst_case_low", "worst_case_high", "verdict",
    ]  # fmt: skip
    assert [line[-10:-3] for line in lines] == [
        ["l2", 8 / 255, 1, 1, 10, 1, 0.1],
        ["linf", 8 / 255, 2, 2, 1500, 900, 0.6],
        ["linf", 16 / 255, 1, 3, 1000, 100, 0.1],
    ]
    assert lines[-1][-3:-1] == pytest.approx([0.0829, 0.1202], abs=1e-4)


def test_a_worst_case_bears_the_worst_verdict_of_its_seeds_at_its_budget() -> None:
    """Of a seed the attack that leaves least speaks; what is said at another budget does not count."""
    weak, strong = (row({"name": name, "eps": "8/255"}, robust) for name, robust in (("fgsm", 500), ("uniform", 300)))
    weak |= {"verdict": SUSPICIOUS}
    strong |= {"verdict": OK}
    second = strong | {"seed": 1, "adversarial_finetune_key": "e" * 64, "verdict": UPPER_BOUND}
    small = row({"name": "uniform", "eps": "4/255"}, 600) | {"verdict": OK}
    one, other = (entry["adversarial_finetune_key"] for entry in (strong, second))
    found = [[one, "linf", eps / 255, "pixel", 1, 1000, 300] for eps in (4, 8)]
    seeds = [*found, [other, "linf", 8 / 255, "pixel", 1, 1000, 300]]
    for survivors, expected in ((found, [OK, OK]), (seeds, [OK, UPPER_BOUND])):
        columns, lines = list_worst_cases([strong, weak | {"attack": "uniform"}, second, small], survivors)
        place = columns.index("attack_eps"), columns.index("verdict")
        assert [[line[each] for each in place] for line in lines] == [[4 / 255, expected[0]], [8 / 255, expected[1]]]
