"""What tells models apart, in words: columns first, settings where no column does."""

from __future__ import annotations

import json
from typing import Any

import pytest

from orchestrator.results.model_axes import describe_model, find_model_axes, select_leaves
from tests.support.rows import ifgsm


def make(columns: dict[str, Any] | None = None, eps: str = "8/255", **settings: Any) -> dict[str, Any]:
    """A row with some columns changed, and some sections of its configuration."""
    row = ifgsm(eps, 10, 400)
    config = json.loads(row["config"])
    for section, changes in settings.items():
        config[section] = {**config[section], **changes} if isinstance(changes, dict) else changes
    return row | (columns or {}) | {"config": json.dumps(config)}


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ([{}], [()]),
        ([{"columns": {"pruning_ratio": 0.4}}, {"columns": {"pruning_ratio": 0.0}}], [("pruned 0.4",), ("pruned 0",)]),
        ([{"columns": {"lambda": 0.25}}, {"columns": {"lambda": None}}], [("lambda 0.25",), ()]),
        (
            [{"columns": {"transformations": "quilting"}}, {"columns": {"transformations": None}}],
            [("transformations quilting",), ("no transformations",)],
        ),
        ([{"eps": "8/255"}, {"eps": "16/255"}], [(), ()]),
        ([{"seed": 1}, {"seed": 2}], [(), ()]),
        ([{"train": {"epochs": 3}}, {"train": {"epochs": 5}}], [("train.epochs 3",), ("train.epochs 5",)]),
        (
            [{"columns": {"pruning_ratio": 0.4}, "train": {"epochs": 3}}, {"columns": {"pruning_ratio": 0.0}}],
            [("pruned 0.4", "train.epochs 3"), ("pruned 0", "train.epochs 2")],
        ),
        (
            [{"prune": {"unit": "filter"}}, {"prune": {"unit": "weight"}}],
            [("prune.unit filter",), ("prune.unit weight",)],
        ),
    ],
)
def test_a_model_is_called_by_what_others_have_otherwise(
    changes: list[dict[str, Any]], words: list[tuple[str, ...]]
) -> None:
    models = [make(**change) for change in changes]
    assert [describe_model(row, models) for row in models] == words


def test_settings_of_the_attack_stand_apart_from_those_of_the_model() -> None:
    leaves = {"seed": 3, "attack.eps": 0.1, "attack.name": "pgd", "attacker": 5, "train.attack.eps": 0.2}
    assert select_leaves(leaves, attack=True) == {"attack.eps": 0.1, "attack.name": "pgd"}
    assert select_leaves(leaves, attack=False) == {"attacker": 5, "train.attack.eps": 0.2}


def test_columns_of_the_attack_tell_no_models_apart() -> None:
    models = [make({"attack": "pgd", "pruning_ratio": 0.1}), make({"attack": "fgsm", "pruning_ratio": 0.2})]
    assert find_model_axes(models, [{}, {}]) == (["pruning_ratio"], [])
    alike = [make({"attack": "pgd"}), make({"attack": "fgsm"})]
    assert find_model_axes(alike, [{"a": 1, "b": 1}, {"a": 1, "b": 2}]) == ([], ["b"])
