"""The worst case over several attacks: one line for each configuration of a model, whatever its columns."""

from __future__ import annotations

import json
from typing import Any

import pytest

from orchestrator.results.checks.verdict import OK, SUSPICIOUS, UPPER_BOUND
from orchestrator.results.verdicts import annotate_rows
from orchestrator.results.worst_case import list_worst_cases
from tests.support.mixed_images import ROWS, WORDS, A, C, read_images
from tests.support.rows import row


def find_lines(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    columns, lines = list_worst_cases(rows)
    return [dict(zip(columns, line, strict=True)) for line in lines]


def of_seed(seed: int, found: dict[str, Any]) -> dict[str, Any]:
    return found | {"seed": seed, "adversarial_finetune_key": f"{seed}" * 64, "attack_key": f"{seed}-{found['attack']}"}


def test_worst_cases_of_models_that_are_alike_in_every_column_stay_apart() -> None:
    plain, longer = row({"name": "fgsm", "eps": "8/255"}, 500), row({"name": "fgsm", "eps": "8/255"}, 300)
    settings = json.loads(longer["config"])
    settings["train"]["epochs"] = 99
    longer |= {"config": json.dumps(settings), "adversarial_finetune_key": "f" * 64}
    assert {
        (line["train.epochs"], line["examples"], line["robust_correct"]) for line in find_lines([plain, longer])
    } == {
        (json.loads(plain["config"])["train"]["epochs"], 1000, 500),
        (99, 1000, 300),
    }


def test_layers_that_are_pruned_are_named_where_they_vary() -> None:
    """The ratio tells the lines apart, and not where it prunes."""
    rows = []
    for ratio, scope in ((0.2, "layer2"), (0.4, "all")):
        made = row({"name": "fgsm", "eps": "8/255"}, 500)
        config = json.loads(made["config"])
        config["prune"] |= {"ratio": ratio, "scope": scope}
        own = {"pruning_ratio": ratio, "adversarial_finetune_key": scope * 9, "trial_id": scope}
        rows.append(made | own | {"config": json.dumps(config)})
    assert [(line["pruning_ratio"], line["prune.scope"]) for line in find_lines(rows)] == [
        (0.2, "layer2"),
        (0.4, "all"),
    ]


def test_seeds_are_pooled_and_lines_stand_by_their_budgets() -> None:
    def attack(name: str, eps: str, robust: int, examples: int = 1000, norm: str = "linf") -> dict[str, Any]:
        made = {"name": name, "eps": eps, "norm": norm, "examples": examples}
        return row(made, robust, examples=examples, clean_correct=examples)

    first = [
        attack("pgd", "16/255", 100), attack("mifgsm", "16/255", 120), attack("pgd", "8/255", 500),
        attack("mifgsm", "8/255", 700), attack("pgd", "8/255", 1, 10, "l2"), attack("pgd", "0", 1000),
    ]  # fmt: skip
    failed = of_seed(2, first[0]) | {"status": "failed"}
    columns, lines = list_worst_cases([*first, of_seed(1, attack("pgd", "8/255", 400, 500)), failed])
    assert columns[-10:] == [
        "attack_norm", "attack_eps", "seeds", "attacks", "examples", "robust_correct", "worst_case_robust_accuracy",
        "worst_case_low", "worst_case_high", "verdict",
    ]  # fmt: skip
    assert [line[-10:-3] for line in lines] == [
        ["l2", 8 / 255, 1, 1, 10, 1, 0.1],
        ["linf", 8 / 255, 2, 2, 1500, 900, 0.6],
        ["linf", 16 / 255, 1, 2, 1000, 100, 0.1],
    ]
    assert lines[-1][-3:-1] == pytest.approx([0.0829, 0.1202], abs=1e-4)


def test_a_line_says_on_which_images_its_attacks_meet() -> None:
    other = [of_seed(1, {**each, "worst_case_correct": 5, "worst_case_examples": 8}) for each in (A, C)]
    (alone,) = find_lines(annotate_rows(ROWS, read_images))
    names = ("seeds", "attacks", "examples", "robust_correct", "worst_case_robust_accuracy", "scope")
    assert [alone[name] for name in names] == [1, 3, 4, 1, 0.25, WORDS]
    (pooled,) = find_lines([*annotate_rows(ROWS, read_images), *other])
    assert [pooled[name] for name in names] == [2, 3, 12, 6, 0.5, WORDS]
    (alike,) = find_lines(other)
    assert "scope" not in alike


def test_a_worst_case_bears_the_worst_verdict_of_its_seeds_at_its_budget() -> None:
    """Of a seed the attack that leaves least speaks; what is said at another budget does not count."""
    weak, strong = (row({"name": name, "eps": "8/255"}, robust) for name, robust in (("fgsm", 500), ("uniform", 300)))
    weak |= {"verdict": SUSPICIOUS, "attack": "uniform"}
    strong |= {"verdict": OK}
    second = of_seed(1, strong) | {"verdict": UPPER_BOUND}
    small = row({"name": "uniform", "eps": "4/255"}, 600) | {"verdict": OK}
    for rows, expected in (([strong, weak, small], [OK, OK]), ([strong, weak, second, small], [OK, UPPER_BOUND])):
        found = [(line["attack_eps"], line["verdict"]) for line in find_lines(rows)]
        assert found == [(4 / 255, expected[0]), (8 / 255, expected[1])]
