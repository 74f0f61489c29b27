"""Overrides: what they reach, and who is blamed for a mistake."""

from __future__ import annotations

import copy
from typing import Any

import pytest

from orchestrator.space import space as spaces
from orchestrator.space.overrides import apply_override, apply_overrides, name_source
from tasks.errors import Problem, ProblemsError, UsageError
from tests.conftest import CONFIG


def test_an_override_reaches_every_section_of_a_grid_of_sections() -> None:
    content: dict[str, Any] = {"attack": {"grid_search": [{"name": "fgsm", "eps": 0.1}, {"name": "pgd", "eps": 0.1}]}}
    apply_override(content, "attack.eps={grid_search: [2/255, 8/255]}")
    assert [entry["eps"] for entry in content["attack"]["grid_search"]] == [{"grid_search": ["2/255", "8/255"]}] * 2


def test_an_override_makes_missing_sections() -> None:
    content: dict[str, Any] = {}
    apply_override(content, "dataset.split.seed=3")
    assert content == {"dataset": {"split": {"seed": 3}}}


def test_an_override_chooses_an_item_of_a_list_and_makes_nothing() -> None:
    content: dict[str, Any] = {"train": {"grid_search": [{"epochs": 1}, {"ensemble": {"surrogates": [{"seed": 1}]}}]}}
    apply_override(content, "train.ensemble.surrogates.0.seed=2")
    assert content["train"]["grid_search"] == [{"epochs": 1}, {"ensemble": {"surrogates": [{"seed": 2}]}}]
    with pytest.raises(UsageError, match=r"nothing at train\.ensemble\.surrogates\.1\.seed"):
        apply_override(content, "train.ensemble.surrogates.1.seed=2")


@pytest.mark.parametrize(
    ("overrides", "named"),
    [
        (["sed=1"], "--set sed=1"),
        (["seed=1", "attack.eps=9"], "--set attack.eps=9"),
        (["sed=1", "attack.eps=9"], "--set sed=1 --set attack.eps=9"),
        (["model=null"], "--set model=null"),
        (["attack={name: pgd, eps: 9}"], "--set attack={name: pgd, eps: 9}"),
    ],
)
def test_an_error_of_an_override_is_not_blamed_on_the_file(overrides: list[str], named: str) -> None:
    with pytest.raises(ProblemsError) as caught:
        spaces.load_content("test", "test.yaml", copy.deepcopy(CONFIG), overrides)
    assert caught.value.source == named


def test_an_error_of_the_file_names_the_file_and_what_was_set_beside_it() -> None:
    wrong = {**CONFIG, "trian": {}}
    with pytest.raises(ProblemsError) as caught:
        spaces.load_content("test", "test.yaml", copy.deepcopy(wrong), ["seed=1", "attack.eps=9"])
    assert caught.value.source == "test.yaml with --set attack.eps=9"
    with pytest.raises(ProblemsError) as caught:
        spaces.load_content("test", "test.yaml", copy.deepcopy(wrong))
    assert caught.value.source == "test.yaml"


@pytest.mark.parametrize(
    ("path", "beside", "blamed"),
    [
        ("attack.eps", [], True),
        ("attack.eps.grid", [], True),
        ("attack.epsilon", [], False),
        ("attack", [], False),
        ("prune.ratio", ["model.name", "attack.eps"], True),
    ],
)
def test_an_override_is_blamed_by_the_paths_of_a_problem_and_not_by_its_words(
    path: str, beside: list[str], blamed: bool
) -> None:
    problem = Problem(path, 1, "choose from attack.eps: , attack.eps = 1", dict.fromkeys(beside))
    named = name_source("a.yaml", [problem], ["attack.eps=1", "seed=2"])
    assert named == ("--set attack.eps=1" if blamed else "a.yaml with --set attack.eps=1 --set seed=2")


@pytest.mark.parametrize(
    ("overrides", "problem"),
    [
        (["seed=0", "seed=1"], "--set seed=0 and --set seed=1: choose one value for seed"),
        (["seed=0", "model=null", " seed = [0]"], "--set seed=0 and --set  seed = [0]: choose one value for seed"),
        (
            ["attack.eps=0.1", "attack={name: pgd}"],
            "--set attack.eps=0.1 and --set attack={name: pgd}: the second takes back the first; set attack first",
        ),
        (
            ["train.0.epochs=1", "train.epochs=2"],
            "--set train.0.epochs=1 and --set train.epochs=2: the second takes back the first; set train.epochs first",
        ),
    ],
)
def test_what_one_override_sets_no_other_takes_back_in_silence(overrides: list[str], problem: str) -> None:
    content = {"train": {"grid_search": [{"epochs": 9}, {"epochs": 8}]}}
    with pytest.raises(UsageError) as caught:
        apply_overrides(content, overrides)
    assert str(caught.value) == problem


def test_overrides_may_say_the_same_twice_and_go_from_the_whole_to_its_parts() -> None:
    content: dict[str, Any] = {"train": {"grid_search": [{"epochs": 9}, {"epochs": 8}]}}
    same, parts = ["seed=0", "seed= 0"], ["attack={name: pgd}", "attack.eps=0.1", "attack.epsilon=1"]
    apply_overrides(content, [*same, *parts, "train.epochs=2", "train.0.epochs=1", "train.1.batch_size=3"])
    assert (content["seed"], content["attack"]) == (0, {"name": "pgd", "eps": 0.1, "epsilon": 1})
    assert content["train"]["grid_search"] == [{"epochs": 1}, {"epochs": 2, "batch_size": 3}]
