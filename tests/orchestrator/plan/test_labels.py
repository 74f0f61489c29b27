"""What a job computes, in a few words."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from orchestrator.plan.labels import describe_settings
from tasks.generators.denoiser.settings import DenoiserSettings
from tasks.models.settings import ConditionSettings
from tasks.trial.chain import Stage
from tests.support import small
from tests.support.small import SGD

TUNED = {"epochs": 1, "optimizer": SGD, "lambda": 0.7, "attack": {"name": "pgd", "eps": "4/255", "steps": 7}}


def train_by(name: str, **settings: Any) -> dict[str, Any]:
    return {"epochs": 1, "optimizer": SGD, "objective": {"name": name, **settings}}


def find_stages(kind: str, **sections: Any) -> list[Stage]:
    return [stage for stage in small.stages_of(small.trial(**sections)) if stage.kind == kind]


@pytest.mark.parametrize(
    ("kind", "sections", "words"),
    [
        ("train", {}, ""),
        (
            "train",
            {"train": {"epochs": 1, "optimizer": SGD, "objective": {"name": "trades", "attack": TUNED["attack"]}}},
            "trades, pgd 4/255",
        ),
        (
            "train",
            {"train": train_by("adversarial", **{"lambda": 0.7, "attack": TUNED["attack"]})},
            "lambda 0.7, pgd 4/255",
        ),
        (
            "train",
            {
                "train": train_by(
                    "adversarial", **{"lambda": 0.7, "attack": TUNED["attack"], "weight_averaging": {"name": "ema"}}
                )
            },
            "adversarial+ema, lambda 0.7, pgd 4/255",
        ),
        (
            "train",
            {"train": train_by("ibp", eps="2/255")},
            "ibp 2/255",
        ),
        ("train", {"train": train_by("noise", sigma=0.25)}, "noise"),
        ("prune", {"prune": {"ratio": 0.3}}, "ratio 0.3"),
        ("adversarial_finetune", {"adversarial_finetune": TUNED}, "lambda 0.7, pgd 4/255"),
        ("attack", {"attack": {"name": "ifgsm", "eps": "16/255", "steps": 5}}, "ifgsm 16/255, 5 steps"),
        ("attack", {"attack": {"name": "jsma"}}, "jsma, 1 step"),
    ],
)
def test_the_settings_that_people_vary_are_named(kind: str, sections: dict[str, Any], words: str) -> None:
    assert describe_settings(find_stages(kind, **sections)) == words


def test_budgets_and_steps_of_several_cells_are_named_once_each_in_their_order() -> None:
    cells = [("16/255", 20), ("8/255", 20), ("16/255", 5)]
    stages = [find_stages("attack", attack={"name": "ifgsm", "eps": eps, "steps": steps})[0] for eps, steps in cells]
    assert describe_settings(stages) == "ifgsm 16/255 8/255, 20 5 steps"


def test_a_condition_is_named_by_its_lambda_and_a_generator_by_its_name() -> None:
    found: list[Any] = [SimpleNamespace(settings=ConditionSettings.model_validate({"lambda": 0.25})),
                        SimpleNamespace(settings=DenoiserSettings())]  # fmt: skip
    assert [describe_settings([stage]) for stage in found] == ["lambda 0.25", "denoiser"]
