"""Optimality: the area between an attack's curve and the best, by hand."""

from __future__ import annotations

import math
from typing import Any

import pyarrow as pa
import pytest

from orchestrator.results.optimality import compute_optimality, find_smallest, measure_sizes, rank_attacks
from tasks.schema import EXAMPLES
from tests.support.rows import row


def examples(*images: tuple[int, int, int, float]) -> pa.Table:
    """Clean and adversarial prediction of images of class 0, and the L2 size: (index, before, after, size)."""
    lines = [
        {
            "stage_key": "k", "index": index, "label": 0, "target": None, "clean_prediction": before,
            "clean_confidence": 0.5, "adversarial_prediction": after, "adversarial_confidence": 0.5, "linf": size / 2,
            "l2": size, "l1": 2 * size, "l0": 3, "robust": after == 0,
        }
        for index, before, after, size in images
    ]  # fmt: skip
    return pa.Table.from_pylist(lines, schema=EXAMPLES)


def test_a_size_counts_where_the_model_was_fooled() -> None:
    found = measure_sizes(examples((7, 0, 1, 0.5), (8, 0, 0, 0.9), (9, 2, 2, 0.7)), "l2")
    assert found == {7: 0.5, 8: math.inf, 9: 0.0}
    assert measure_sizes(examples((7, 0, 1, 0.5)), "l1") == {7: 1.0}


def test_optimality_is_the_share_of_the_area_that_was_gained() -> None:
    best = {0: 1.0, 1: 2.0, 2: 4.0, 3: 0.0}
    assert compute_optimality(best, best) == 1
    assert compute_optimality({0: math.inf, 1: math.inf, 2: math.inf, 3: 0.0}, best) == 0
    # to the largest of the best, 4: nothing leaves 4 + 4 + 4, the best 1 + 2 + 4, this one 1.5 + 3 + 4
    assert compute_optimality({0: 1.5, 1: 3.0, 2: 9.0, 3: 0.0}, best) == pytest.approx(1 - 1.5 / 5)


def test_images_that_nothing_fools_are_cut_at_the_largest_size() -> None:
    assert compute_optimality({0: 1.0, 1: math.inf}, {0: 1.0, 1: math.inf}) == 1
    assert compute_optimality({0: 2.0, 1: math.inf, 2: 3.0}, {0: 1.0, 1: math.inf, 2: 3.0}) == pytest.approx(0.5)
    assert compute_optimality({0: math.inf}, {0: math.inf}) is None


def test_one_size_for_all_leaves_the_share_that_was_fooled_with_it() -> None:
    best = {0: 2.0, 1: 2.0, 2: 2.0, 3: 2.0, 4: 0.0, 5: math.inf}
    assert compute_optimality({0: 2.0, 1: 3.0, 2: math.inf, 3: math.inf, 4: 0.0, 5: math.inf}, best) == 0.25
    assert compute_optimality({4: 0.0}, best) is None, "nothing was right before"


def test_what_another_look_was_wrong_about_needs_no_perturbation() -> None:
    """A model that answers at random is right about an image in one stage and wrong in another."""
    best = {0: 0.0, 1: 0.0, 2: 1.0, 3: 2.0}
    assert compute_optimality({0: math.inf, 1: math.inf, 2: math.inf, 3: math.inf}, best) == 0
    assert compute_optimality({0: math.inf, 1: 0.0, 2: 1.0, 3: 2.0}, best) == 1


def test_sizes_that_rounding_tells_apart_are_one_size() -> None:
    """Two images at 24/255 as fp32 has them: whoever fools more is nearer to the best, whose size is the smaller."""
    low, high = 0.0941176564, 0.0941176713
    best = {0: low, 1: high, 2: low}
    assert compute_optimality({0: high, 1: high, 2: high}, best) == 1
    assert compute_optimality({0: low, 1: math.inf, 2: math.inf}, best) == pytest.approx(1 / 3)
    apart = {0: 0.0941, 1: 0.0942, 2: 0.0941}
    assert compute_optimality({0: 0.0942, 1: 0.0942, 2: 0.0942}, apart) == pytest.approx(0)


def attack_row(key: str, **raw: Any) -> dict[str, Any]:
    return row(raw, 500) | {"attack_key": key}


def test_attacks_are_ranked_by_what_the_whole_storage_found() -> None:
    ddn = attack_row("a", name="ddn", norm="l2")
    small, large = (attack_row(key, name="pgd", norm="l2", eps=eps, steps=5) for key, eps in (("b", 1.0), ("c", 4.0)))
    elsewhere = attack_row("d", name="fgsm", norm="linf", eps=0.5)
    tables = {
        "a": examples((0, 0, 1, 2.0), (1, 0, 1, 3.0), (2, 0, 1, 4.0)),
        "b": examples((0, 0, 1, 1.0), (1, 0, 0, 1.0), (2, 0, 0, 1.0)),
        "c": examples((0, 0, 1, 4.0), (1, 0, 1, 4.0), (2, 0, 0, 4.0)),
        "d": examples((0, 0, 0, 5.0), (1, 0, 1, 2.0)),
    }
    columns, lines = rank_attacks([ddn, small, large], [elsewhere], tables.get)
    named = [dict(zip(columns, line, strict=True)) for line in lines]
    assert [entry["attack"] for entry in named] == ["ddn", "pgd"]
    # the best are 1, 2, 4: nothing leaves 12, the best 7, ddn 9, pgd 1 + 4 + 4
    assert [entry["optimality"] for entry in named] == pytest.approx([1 - 2 / 5, 1 - 2 / 5])
    assert [entry["budgets"] for entry in named] == [None, 2]
    assert [entry["success"] for entry in named] == pytest.approx([1.0, 2 / 3])
    assert [entry["median_size"] for entry in named] == [3.0, 2.5]
    assert find_smallest({"a", "b", "c", "d"}, "l2", tables.get) == {0: 1.0, 1: 2.0, 2: 4.0}


def test_one_step_to_each_budget_is_one_curve() -> None:
    """Of `ifgsm` with one step, the key has the budget as its step size."""
    small, large = (attack_row(key, name="ifgsm", norm="l2", eps=eps, steps=1) for key, eps in (("b", 1.0), ("c", 4.0)))
    tables = {"b": examples((0, 0, 1, 1.0), (1, 0, 0, 1.0)), "c": examples((0, 0, 1, 4.0), (1, 0, 1, 4.0))}
    columns, lines = rank_attacks([small, large], [], tables.get)
    (line,) = (dict(zip(columns, line, strict=True)) for line in lines)
    assert (line["budgets"], line["optimality"]) == (2, 1)


def test_a_transfer_is_told_from_the_same_attack_by_its_surrogate() -> None:
    seeing = {"name": "ifgsm", "norm": "l2", "eps": 1.0, "steps": 5}
    surrogate = {"seed": 9, "model": {"name": "resnet8"}, "train": {"epochs": 1, "optimizer": {"name": "sgd"}}}
    rows = [attack_row("a", **seeing), attack_row("b", **seeing, surrogate=surrogate)]
    tables = {"a": examples((0, 0, 1, 1.0)), "b": examples((0, 0, 0, 1.0))}
    columns, lines = rank_attacks(rows, [], tables.get)
    assert [line[columns.index("attack_surrogate")] for line in lines] == [None, "resnet8 seed 9"]
    assert [name for name in columns if name.startswith("attack.")] == []


def test_other_models_say_nothing_about_this_one() -> None:
    own = attack_row("a", name="ddn", norm="l2")
    other = attack_row("b", name="ddn", norm="l2", steps=7) | {"adversarial_finetune_key": "f" * 64}
    tables = {"a": examples((0, 0, 1, 2.0), (1, 0, 1, 3.0)), "b": examples((0, 0, 1, 0.1), (1, 0, 1, 0.1))}
    columns, lines = rank_attacks([own], [other], tables.get)
    assert [line[columns.index("optimality")] for line in lines] == [1.0]
