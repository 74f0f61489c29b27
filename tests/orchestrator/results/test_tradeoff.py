"""The trade-off table."""

from __future__ import annotations

import json
from typing import Any

import pytest

from orchestrator.results.checks.verdict import OK, SUSPICIOUS
from orchestrator.results.tradeoff import (
    AXES,
    describe_fixed_axes,
    find_distinguishing_paths,
    find_shown_paths,
    find_varying_axes,
    format_setting,
    format_spread,
    group_cells,
    list_cells,
    list_leaf_settings,
    render_tradeoff,
)
from tests.support.rows import ifgsm


def test_a_long_table_is_cut_and_says_so() -> None:
    rows = [ifgsm(f"{eps}/255", 10, 400) for eps in range(1, 6)]
    assert len(render_tradeoff(rows, 3).splitlines()) == len(render_tradeoff(rows).splitlines()) - 1
    assert render_tradeoff(rows, 3).endswith("... and 2 more cells")
    assert "more cells" not in render_tradeoff(rows, 5)


def test_a_cell_is_all_seeds_of_a_configuration_with_the_worst_of_their_verdicts() -> None:
    first = ifgsm("8/255", 10, 400) | {"verdict": OK}
    second = ifgsm("8/255", 10, 300, examples=600, clean_correct=480) | {
        "seed": 1, "trial_id": "b" * 16, "replicate_id": first["replicate_id"], "verdict": SUSPICIOUS
    }  # fmt: skip
    failed = first | {"seed": 2, "trial_id": "c" * 16, "status": "failed"}
    (cell,) = group_cells([first, second, failed])
    assert cell.verdict == SUSPICIOUS
    assert cell.clean == (0.95, 0.8)
    assert cell.robust == (0.4, 0.5)
    assert cell.examples == 1600
    assert cell.trials == (first["trial_id"], "b" * 16)


def make_rows(*changes: dict[str, Any]) -> list[dict[str, Any]]:
    return [dict.fromkeys(AXES) | each for each in changes]


@pytest.mark.parametrize(
    ("rows", "axes"),
    [
        ([{"lambda": 0.5}, {"lambda": 0.9}], ["lambda"]),
        ([{"lambda": 0.5, "objective": "a"}, {"lambda": 0.9, "objective": "b"}], ["lambda"]),
        ([{"lambda": 0.5, "objective": "a"}, {"lambda": 0.5, "objective": "b"}], ["objective"]),
        ([{"attack": "a", "attack_norm": "l2"}, {"attack": "b", "attack_norm": "linf"}], ["attack"]),
        (
            [{"attack": "a", "attack_norm": "l2"}, {"attack": "b", "attack_norm": "linf"},
             {"attack": "b", "attack_norm": "l2"}],
            ["attack", "attack_norm"],
        ),
        ([{"lambda": None}, {"lambda": 0.9, "train_attack": "pgd", "eps_train": 0.1}], ["lambda"]),
        ([{"lambda": 0.0}, {"lambda": 0.9, "train_attack": "pgd", "eps_train": 0.1}], ["lambda"]),
        (
            [{"lambda": None}, {"lambda": 0.9, "train_attack": "pgd", "eps_train": 0.1},
             {"lambda": 0.9, "train_attack": "pgd", "eps_train": 0.2}],
            ["lambda", "eps_train"],
        ),
        ([{"pruning_ratio": None, "attack_steps": 3}, {"pruning_ratio": 0.5}], ["pruning_ratio", "attack_steps"]),
        ([{"model": "a"}, {"model": "a"}], []),
    ],
)  # fmt: skip
def test_columns_that_others_tell_already_are_left_out(rows: list[dict[str, Any]], axes: list[str]) -> None:
    assert find_varying_axes(make_rows(*rows)) == axes


def test_as_few_settings_as_tell_apart_what_is_called_alike() -> None:
    leaves = [{"seed": 1, "a": 1, "b": 1, "c": 5}, {"seed": 2, "a": 1, "b": 2, "c": 5}, {"seed": 3, "a": 2, "b": 2}]
    alike = [("x",)] * 3
    assert find_distinguishing_paths(alike, leaves) == ["a", "b"]
    assert find_distinguishing_paths([("x",), ("y",), ("x",)], leaves) == ["a"]
    assert find_distinguishing_paths([("x",), ("y",), ("z",)], leaves) == []
    assert list_leaf_settings({"a": {"b": [1, 2], "c": None}, "d": 3}) == {"a.b": "[1, 2]", "a.c": None, "d": 3}


@pytest.mark.parametrize(
    ("axis", "value", "text"),
    [("attack_eps", 8 / 255, "8/255"), ("attack_eps", 0.5, "0.5"), ("eps_train", 1.0, "1"),
     ("lambda", 8 / 255, "0.0313725"), ("attack_eps", 51 / 255, "0.2"), ("lambda", None, "-"),
     ("attack_steps", 10, "10")],
)  # fmt: skip
def test_a_budget_is_written_in_whole_255ths_where_that_is_shorter(axis: str, value: Any, text: str) -> None:
    assert format_setting(axis, value) == text


def test_a_mean_has_its_spread_where_there_are_several_seeds() -> None:
    assert format_spread((0.5,)) == "50.00 %"
    assert format_spread((0.5, 0.7)) == "60.00 ± 14.14 %"


def test_without_a_finished_trial_there_is_no_table() -> None:
    failed = ifgsm("8/255", 10, 400) | {"status": "failed"}
    assert render_tradeoff([]) == render_tradeoff([failed]) == "no finished trials yet"


def test_cells_that_only_a_setting_tells_apart_stand_in_its_order() -> None:
    rows = []
    for epochs in (10, 2, 5):
        row = ifgsm("8/255", 10, 100 * epochs)
        config = json.loads(row["config"])
        config["train"]["epochs"] = epochs
        rows.append(row | {"config": json.dumps(config), "replicate_id": f"{epochs}", "trial_id": f"{epochs:016x}"})
    lines = list_cells(rows).render("csv").splitlines()
    place = lines[0].split(",").index("train.epochs")
    assert [line.split(",")[place] for line in lines[1:]] == ["2", "5", "10"]


@pytest.mark.parametrize(
    ("labels", "leaves", "shown"),
    [
        ("aa", [{"seed": 0, "x": 1}, {"seed": 1, "x": 1}], []),
        ("aa", [{"seed": 0, "x": 1}, {"seed": 1, "x": 2}], ["x"]),
        ("ab", [{"prune.unit": "filters"}, {"prune.unit": "weights"}], ["prune.unit"]),
        ("aa", [{"prune.unit": "filters"}, {"prune.unit": "weights"}], ["prune.unit"]),
        ("ab", [{"prune.unit": "filters"}, {"prune.unit": "filters"}], []),
        ("ab", [{"prune.unit": "filters"}, {}], []),
        ("ab", [{"prune.unit": "filters"}, {"prune.unit": None}], []),
        (
            "ab",
            [
                {"prune.importance": "taylor", "prune.scope": "layer3"},
                {"prune.importance": "random", "prune.scope": "layer1"},
            ],
            ["prune.importance", "prune.scope"],
        ),
        ("ab", [{"train.objective.beta": 1}, {"train.objective.beta": 2}], []),
        ("ab", [{"prune.mode": "a"}, {"prune.mode": "b"}], []),
        ("ab", [{"prune.within": "2:4", "x": 1}, {"prune.within": "layer", "x": 2}], ["prune.within"]),
    ],
)
def test_every_setting_of_a_stage_is_shown_wherever_it_varies(
    labels: str, leaves: list[dict[str, Any]], shown: list[str]
) -> None:
    assert find_shown_paths([(label,) for label in labels], leaves) == shown


def test_what_never_changes_stands_above_the_table() -> None:
    failed = ifgsm("8/255", 40, 400) | {"status": "failed"}
    head = describe_fixed_axes([failed, ifgsm("8/255", 10, 400), ifgsm("16/255", 10, 300)])
    fixed, _, rest = head.partition("; ")
    assert rest == "test split, mean ± standard deviation over seeds"
    assert {"dataset digits", "pruning_ratio 0.5", "lambda 0.5", "eps_train 8/255", "attack ifgsm", "attack_norm linf",
            "attack_steps 10"} <= set(fixed.split(", "))  # fmt: skip
    assert "attack_eps" not in fixed
    assert "surrogate" not in fixed, "there is none"
