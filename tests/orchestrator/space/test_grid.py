"""Grids: they nest anywhere, and one that cannot be read is named."""

from __future__ import annotations

import copy
import json
from collections.abc import Iterator
from random import Random
from typing import Any

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from orchestrator.space import grid
from orchestrator.space import space as spaces
from orchestrator.space.overrides import apply_override
from tasks.errors import ProblemsError, UsageError
from tests.conftest import CONFIG
from tests.support.fuzzing import CHARACTERS, drawn


@pytest.mark.parametrize(
    ("node", "expected"),
    [
        (3, [3]),
        ({"grid_search": [1, 2]}, [1, 2]),
        ({"a": {"grid_search": [1, 2]}, "b": 3}, [{"a": 1, "b": 3}, {"a": 2, "b": 3}]),
        (
            {"a": {"grid_search": [1, 2]}, "b": {"grid_search": [3, 4]}},
            [{"a": 1, "b": 3}, {"a": 1, "b": 4}, {"a": 2, "b": 3}, {"a": 2, "b": 4}],
        ),
        ({"grid_search": [None, {"a": {"grid_search": [1, 2]}}]}, [None, {"a": 1}, {"a": 2}]),
        ({"grid_search": [{"grid_search": [1, 2]}, 3]}, [1, 2, 3]),
        ([{"grid_search": [1, 2]}, 5], [[1, 5], [2, 5]]),
    ],
)
def test_grids_nest_anywhere(node: Any, expected: list[Any]) -> None:
    assert grid.expand_variants(node) == expected
    assert grid.count(node) == len(expected)


@pytest.mark.parametrize(
    ("node", "message"),
    [
        ({"grid_search": []}, "takes a list of at least one value"),
        ({"grid_search": 3}, "takes a list of at least one value"),
        ({"grid_search": [1], "extra": 2}, "stands beside extra"),
        ({"gridSearch": [1, 2]}, "seed.gridSearch: a grid is written grid_search"),
    ],
)
def test_malformed_grids(node: Any, message: str) -> None:
    with pytest.raises(ProblemsError, match=message):
        spaces.build("test", "test.yaml", {**CONFIG, "seed": node})


def make_space() -> dict[str, Any]:
    """A grid of three values, one without the section `ensemble`."""
    sections = [None, {"share": 0.5}, {"share": 0.8}]
    values = [{"epochs": 1, **({"ensemble": ensemble} if ensemble else {})} for ensemble in sections]
    return {"train": {"grid_search": values}, "attack": {"grid_search": [{"name": "fgsm"}, {"name": "pgd"}]}}


def test_a_section_that_some_values_of_a_grid_lack_is_made_in_none_of_them() -> None:
    content = make_space()
    gap = grid.find_gap(content, ["train", "ensemble", "attack"])
    assert gap == grid.Gap(["train", "ensemble"], 2, 3, ["train", "1", "ensemble", "attack"])
    with pytest.raises(
        UsageError, match=r"only 2 of 3 values of the grid have train\.ensemble; .*train\.1\.ensemble\."
    ):
        apply_override(content, "train.ensemble.attack=3")
    assert content == make_space()


def test_a_section_that_no_value_or_every_value_has_is_set_in_all() -> None:
    content = make_space()
    apply_override(content, "train.optimizer.lr=0.1")
    apply_override(content, "train.epochs=7")
    apply_override(content, "train.optimizer.lr=0.2")
    assert [(v["epochs"], v["optimizer"]) for v in grid.expand_variants(content["train"])] == [(7, {"lr": 0.2})] * 3


def test_a_number_chooses_a_value_of_a_grid() -> None:
    content = make_space()
    apply_override(content, "train.2.ensemble.attack=ddn")
    apply_override(content, "attack.1.steps=40")
    apply_override(content, "train.0=null")
    assert content["train"]["grid_search"][0] is None
    assert [v.get("ensemble") for v in content["train"]["grid_search"][1:]] == [
        {"share": 0.5},
        {"share": 0.8, "attack": "ddn"},
    ]
    assert content["attack"]["grid_search"] == [{"name": "fgsm"}, {"name": "pgd", "steps": 40}]
    with pytest.raises(UsageError, match=r"there is nothing at attack\.2\.steps"):
        apply_override(content, "attack.2.steps=40")


WORDS = st.sampled_from(["a", "b", "c", "0", "1"])
VALUES = st.none() | st.booleans() | st.integers(-3, 3) | st.text(CHARACTERS, max_size=3)
NODES = st.recursive(
    VALUES,
    lambda inner: (
        st.lists(inner, max_size=2)
        | st.dictionaries(WORDS, inner, max_size=3)
        | st.fixed_dictionaries({"grid_search": st.lists(inner, min_size=1, max_size=3)})
    ),
    max_leaves=8,
)


def choose_variant(node: Any, draw: Random) -> Any:
    """One of the values that a node stands for, chosen at random: what a reader would do by hand."""
    if grid.is_grid(node):
        return choose_variant(draw.choice(node["grid_search"]), draw)
    if isinstance(node, dict):
        return {key: choose_variant(value, draw) for key, value in node.items()}
    return [choose_variant(item, draw) for item in node] if isinstance(node, list) else node


@drawn(100)
@given(node=NODES, draw=st.randoms(use_true_random=False))
def test_a_grid_stands_for_every_choice_and_for_nothing_else(node: Any, draw: Random) -> None:
    assume(grid.count(node) <= 200)
    variants = grid.expand_variants(node)
    assert len(variants) == grid.count(node)
    assert "grid_search" not in json.dumps(variants)
    assert choose_variant(node, draw) in variants
    assert list(grid.find_grid_problems(node, "")) == []


@drawn(200)
@given(node=st.dictionaries(WORDS, NODES, max_size=3), path=st.lists(WORDS, min_size=1, max_size=3), value=VALUES)
def test_what_is_set_stands_in_every_variant_and_nothing_else_changes(node: Any, path: list[str], value: Any) -> None:
    assume(grid.count(node) <= 200)
    before = copy.deepcopy(node)
    if not grid.set_value(node, path, value):
        assert node == before
        return
    others = [key for key in before if key != path[0]]
    assert {key: node[key] for key in others} == {key: before[key] for key in others}
    found = [find_value(variant, path) for variant in grid.expand_variants(node)]
    numbers = any(step.isdigit() for step in path)  # these may choose a value of a grid
    assert numbers or value in found or not found
    if not any(grid.is_grid(part) or isinstance(part, list) for part in walk(node, path)):
        assert all(type(each) is type(value) and each == value for each in found)


def walk(node: Any, path: list[str]) -> Iterator[Any]:
    """What stands on the way of a path."""
    for step in path:
        yield node
        if not isinstance(node, dict) or step not in node:
            return
        node = node[step]


def find_value(node: Any, path: list[str]) -> Any:
    for step in path:
        if isinstance(node, list) and step.isdigit() and int(step) < len(node):
            node = node[int(step)]
        elif isinstance(node, dict) and step in node:
            node = node[step]
        else:
            return None
    return node
