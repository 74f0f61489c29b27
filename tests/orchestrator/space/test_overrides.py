"""Overrides: what they reach, and who is blamed for a mistake."""

from __future__ import annotations

import copy
from typing import Any

import pytest

from orchestrator.space import space as spaces
from orchestrator.space.overrides import apply_override
from tasks.errors import ProblemsError, UsageError
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
