"""Verdicts catch planted faults, speak for sound numbers, and keep silent where nothing was tested."""

from __future__ import annotations

import json
from typing import Any

import pytest

from orchestrator.results.tradeoff import render_tradeoff
from orchestrator.results.verdicts import NOT_TESTED, OK, SUSPICIOUS, Verdict, annotate_rows, check_rows
from orchestrator.space import space as spaces
from tasks.trial.chain import build_chain
from tests.conftest import CONFIG
from tests.support.rows import ifgsm, row


def of(check: str, found: list[Verdict]) -> set[str]:
    return {verdict.verdict for verdict in found if verdict.check == check}


SURROGATE = {"seed": 7, "model": {"name": "resnet8"}, "train": {"epochs": 1, "optimizer": {"name": "sgd"}}}


@pytest.mark.parametrize(
    ("check", "strong", "weak"),
    [
        ("iterative >= single step", ("8/255", 10), {"name": "fgsm", "eps": "8/255"}),
        ("white-box >= noise", ("8/255", 10), {"name": "uniform", "eps": "8/255"}),
        ("gradient >= gradient-free", ("8/255", 10), {"name": "square", "eps": "8/255"}),
        (
            "white-box >= transfer",
            ("8/255", 10),
            {"name": "ifgsm", "eps": "8/255", "steps": 10, "surrogate": SURROGATE},
        ),
    ],
)
def test_what_should_be_weaker_is_not_stronger(check: str, strong: tuple[str, int], weak: dict[str, Any]) -> None:
    sound = check_rows([ifgsm(*strong, 200), row(weak, 600)])
    assert of(check, sound) == {OK}
    masked = check_rows([ifgsm(*strong, 600), row(weak, 200)])
    assert of(check, masked) == {SUSPICIOUS}
    assert of(check, check_rows([ifgsm(*strong, 200)])) == {NOT_TESTED}


def test_more_budget_is_at_least_as_strong() -> None:
    assert of("more budget >= less", check_rows([ifgsm("2/255", 10, 500), ifgsm("8/255", 10, 200)])) == {OK}
    assert of("more budget >= less", check_rows([ifgsm("2/255", 10, 200), ifgsm("8/255", 10, 500)])) == {SUSPICIOUS}


def test_a_large_budget_reaches_chance() -> None:
    assert of("chance at a large budget", check_rows([ifgsm(0.5, 20, 20)])) == {OK}
    assert of("chance at a large budget", check_rows([ifgsm(0.5, 20, 500)])) == {SUSPICIOUS}
    assert of("chance at a large budget", check_rows([ifgsm("8/255", 20, 500)])) == {NOT_TESTED}


def test_an_attack_that_still_gains_has_not_converged() -> None:
    assert of("converged in steps", check_rows([ifgsm("8/255", 10, 205), ifgsm("8/255", 20, 200)])) == {OK}
    assert of("converged in steps", check_rows([ifgsm("8/255", 10, 400), ifgsm("8/255", 20, 200)])) == {SUSPICIOUS}


def test_masked_and_random_models_are_noticed() -> None:
    assert of("gradients present", check_rows([ifgsm("8/255", 10, 200, zero_gradients=200)])) == {SUSPICIOUS}
    assert of("deterministic", check_rows([ifgsm("8/255", 10, 200, deterministic=False)])) == {SUSPICIOUS}


def test_a_targeted_attack_is_no_measure_of_an_untargeted_one() -> None:
    aimed = row({"name": "ifgsm", "eps": "16/255", "steps": 10, "targeted": True}, 700)
    assert of("more budget >= less", check_rows([ifgsm("8/255", 10, 200), aimed])) == {NOT_TESTED}


def test_verdicts_stand_in_the_rows_and_beside_the_numbers() -> None:
    rows = annotate_rows([ifgsm("8/255", 10, 400), ifgsm("8/255", 20, 200), ifgsm("2/255", 20, 900)])
    by_steps = {(entry["attack_eps"], entry["attack_steps"]): entry for entry in rows}
    assert by_steps[8 / 255, 20]["verdict"] == SUSPICIOUS
    assert by_steps[2 / 255, 20]["verdict"] == OK
    assert json.loads(by_steps[8 / 255, 20]["verdicts"])["converged in steps"] == SUSPICIOUS
    assert "suspicious" in render_tradeoff(rows)


def test_transfer_is_held_against_whatever_knows_the_model() -> None:
    """FGSM is enough: where a step on another model does better than one on the model itself, gradients are masked."""
    transferred = row({"name": "fgsm", "eps": "8/255", "surrogate": SURROGATE}, 200)
    assert of("white-box >= transfer", check_rows([row({"name": "fgsm", "eps": "8/255"}, 100), transferred])) == {OK}
    masked = check_rows([row({"name": "fgsm", "eps": "8/255"}, 600), transferred])
    assert of("white-box >= transfer", masked) == {SUSPICIOUS}
    noise = row({"name": "uniform", "eps": "8/255"}, 900)
    assert of("white-box >= transfer", check_rows([noise, transferred])) == {NOT_TESTED}


def test_models_are_never_mixed() -> None:
    other = spaces.build("test", "test", {**CONFIG, "seed": 5, "attack": {"name": "fgsm", "eps": "8/255"}})
    stages = build_chain(other.trials[0], "0" * 64)
    weak = row({"name": "fgsm", "eps": "8/255"}, 100)
    weak |= {f"{stage.kind}_key": stage.key for stage in stages}
    assert SUSPICIOUS not in of("iterative >= single step", check_rows([ifgsm("8/255", 10, 600), weak]))
