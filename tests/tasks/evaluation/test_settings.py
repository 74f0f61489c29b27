"""Settings of an evaluation: mistakes are named, and what cannot matter is dropped."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import ValidationError

from tasks.evaluation.settings import AttackSettings, DefendedAttackSettings
from tasks.settings_problems import describe_problems
from tasks.transformations.settings import InferenceSettings
from tests.support.attack_models import settings

WRONG = [
    ({"name": "pgd", "eps": 0.1, "norm": "l1"}, "attack.norm", "choose from l2, linf"),
    ({"name": "carlini_wagner", "norm": "linf"}, "attack.norm", "choose from l2"),
    ({"name": "pgd", "eps": -0.1}, "attack.eps", "greater than or equal to 0"),
    ({"name": "deepfool", "eps": -1}, "attack.eps", "greater than or equal to 0"),
    ({"name": "pgd", "eps": None}, "attack.eps", "is not a number"),
    ({"name": "ifgsm", "eps": 0.1, "steps": -3}, "attack.steps", "greater than or equal to 1"),
    ({"name": "square", "eps": 0.1, "steps": 2.5}, "attack.steps", "not a whole number"),
    ({"name": "pgdd", "eps": 0.1}, "attack.name", "did you mean 'pgd'"),
    ({"name": "pgd", "eps": 0.1, "restart": 3}, "attack.restart", "did you mean 'restarts'"),
    (
        {"name": "ifgsm", "eps": 8},
        "attack.eps",
        "no image of [0, 1] needs a budget above 1 in linf; did you mean 8/255?",
    ),
    ({"name": "fab_t", "eps": 300}, "attack.eps", "needs a budget above 1 in linf"),
    ({"name": "pgd", "norm": "l2", "eps": 2000}, "attack.eps", "needs a budget above 1774 in l2"),
    ({"name": "jsma", "theta": 0}, "attack.theta", "must not be 0"),
    ({"name": "fgsm", "eps": 0.1, "target_rule": "nxt"}, "attack.target_rule", "did you mean 'next'"),
]


@pytest.mark.parametrize(("raw", "path", "words"), WRONG)
def test_bad_settings_say_where_and_what(raw: dict[str, Any], path: str, words: str) -> None:
    with pytest.raises(ValidationError) as caught:
        AttackSettings.model_validate(raw)
    (problem,) = describe_problems(caught.value, AttackSettings, "attack")
    assert problem.path == path
    assert words in problem.message


SAME = [
    ({"name": "pgd", "eps": 0, "steps": 3}, {"name": "pgd", "eps": 0, "steps": 5, "precision": "bf16"}),
    ({"name": "square", "eps": 0.1}, {"name": "square", "eps": 0.1, "stop_when_fooled": False}),
    ({"name": "fgsm", "eps": 0.1}, {"name": "fgsm", "eps": 0.1, "target_rule": "random"}),
    ({"name": "jsma", "eps": 5}, {"name": "jsma", "eps": 5, "eps_space": "normalized"}),
    (
        {"name": "pgd", "eps": 0.1, "random_start": False, "restarts": 1},
        {"name": "pgd", "eps": 0.1, "random_start": False, "restarts": 5},
    ),
]


@pytest.mark.parametrize(("one", "other"), SAME)
def test_settings_that_cannot_matter_are_dropped(one: dict[str, Any], other: dict[str, Any]) -> None:
    assert settings(**one).canonical() == settings(**other).canonical()


@pytest.mark.parametrize("blind", [{"adaptive": False}, {"surrogate": {"model": {"name": "resnet8"}}}])
def test_an_attack_that_does_not_see_the_transformations_is_one_whatever_looks_others_take(
    blind: dict[str, Any],
) -> None:
    def make(looks: int, **more: Any) -> DefendedAttackSettings:
        inference = InferenceSettings.model_validate({"transformations": [{"name": "noise"}], "eot_samples": looks})
        attack = AttackSettings.model_validate({"name": "pgd", "eps": 0.1, **more}).simplify()
        return DefendedAttackSettings.of(attack.simplify_view(inference), inference)

    assert make(5, **blind).canonical_text == make(9, **blind).canonical_text
    assert make(5).canonical_text != make(9).canonical_text, "an adaptive attack follows their mean"


@pytest.mark.parametrize(
    ("changed", "named"),
    [
        ({}, False),
        ({"targeted": True}, True),
        ({"targeted": True, "eps": 0}, False),
        ({"stop_when_fooled": False}, True),
        ({"surrogate": {"model": {"name": "resnet8"}}}, True),
    ],
)
def test_the_key_names_the_rule_of_the_verdict_where_an_attack_may_correct_an_answer(
    changed: dict[str, Any], named: bool
) -> None:
    """Stages of before the rule keep their keys where it says the same."""
    assert (settings(**{"name": "pgd", "eps": 0.1, **changed}).canonical().get("verdict") == 2) is named
    inference = InferenceSettings.model_validate({"transformations": [{"name": "jpeg"}]})
    for eps, says in ((0.1, True), (0, False)):
        defended = DefendedAttackSettings.of(settings(name="pgd", eps=eps).simplify_view(inference), inference)
        assert ("verdict" in defended.canonical()) is says
    witness = {"seed": 1, "model": {"name": "resnet8"}}
    assert settings(name="diff_pgd_unrestricted", witness=witness).canonical()["verdict"] == 3
    assert "verdict" not in settings(name="interval_bounds", eps=0.1, precision="fp32").canonical()
