"""Attacks that do not attack, and budgets that are not reached."""

from __future__ import annotations

from typing import Any

import pytest

from orchestrator.results.checks.attack import check_attack_beats_probes
from orchestrator.results.checks.verdict import NOT_TESTED, OK, SUSPICIOUS, UPPER_BOUND
from orchestrator.results.verdicts import check_rows
from tests.support.rows import ifgsm, row, verdicts_of


@pytest.mark.parametrize(
    ("clean", "robust", "gained", "verdict"), [(500, 560, 70, SUSPICIOUS), (500, 503, 40, OK), (560, 500, 10, OK)]
)
def test_a_model_that_does_better_under_attack_is_not_what_was_attacked(
    clean: int, robust: int, gained: int, verdict: str
) -> None:
    rows = [ifgsm("8/255", 10, robust, clean_correct=clean, health={"gained": gained})]
    assert verdicts_of("robust <= clean", check_rows(rows)) == {verdict}


def test_examples_of_another_model_that_help_may_leak_their_label() -> None:
    own = ifgsm("8/255", 10, 560, clean_correct=500)
    rows = [own, own | {"attack_surrogate": "resnet8"}]
    reasons = [verdict.reason for one in rows for verdict in check_rows([one]) if verdict.check == "robust <= clean"]
    assert ["label leaking" in reason for reason in reasons] == [False, True]


@pytest.mark.parametrize(("unmoved", "verdict"), [(60, SUSPICIOUS), (20, OK), (0, OK)])
def test_robust_images_that_were_left_as_they_are_were_not_attacked(unmoved: int, verdict: str) -> None:
    rows = [ifgsm("8/255", 10, 200, health={"unmoved": unmoved})]
    assert verdicts_of("images are moved", check_rows(rows)) == {verdict}


@pytest.mark.parametrize(
    ("step", "noise", "verdict"),
    [((40, 2), (0, 90), SUSPICIOUS), ((2, 40), (30, 3), SUSPICIOUS), ((6, 5), (2, 60), OK)],
)
def test_one_step_and_noise_find_no_more_than_the_attack(
    step: tuple[int, int], noise: tuple[int, int], verdict: str
) -> None:
    """Images that a probe alone fools, and that the attack alone fools."""
    health = {"probe_images": 256, "step_beats_attack": step[0], "attack_beats_step": step[1]}
    health |= {"noise_beats_attack": noise[0], "attack_beats_noise": noise[1]}
    assert verdicts_of("attack >= probes", check_rows([ifgsm("8/255", 10, 200, health=health)])) == {verdict}
    assert verdicts_of("attack >= probes", check_rows([ifgsm("8/255", 10, 200)])) == {NOT_TESTED}


@pytest.mark.parametrize(
    ("step", "noise", "told"),
    [((40, 2), (30, 3), "one step along the gradient finds"), ((2, 40), (30, 3), "noise finds")],
)
def test_of_the_probes_that_find_more_the_first_is_told(
    step: tuple[int, int], noise: tuple[int, int], told: str
) -> None:
    health = {"probe_images": 256, "step_beats_attack": step[0], "attack_beats_step": step[1]}
    health |= {"noise_beats_attack": noise[0], "attack_beats_noise": noise[1]}
    (found,) = check_attack_beats_probes([ifgsm("8/255", 10, 200, health=health)])
    assert found.reason.startswith(f"{told} more than the attack: it is broken, or misled")
    assert f"one step alone fools {step[0]}, noise alone {noise[0]}" in found.reason


@pytest.mark.parametrize(
    ("settings", "reached", "verdict"),
    [
        ({}, 8 / 255, OK),
        ({}, 7 / 255, UPPER_BOUND),
        ({}, 3 / 255, SUSPICIOUS),
        ({"step_size": "1/255"}, 4 / 255, UPPER_BOUND),
        ({"step_size": "2/255"}, 8 / 255, OK),
    ],
)
def test_a_budget_that_the_steps_do_not_reach_is_none(settings: dict[str, Any], reached: float, verdict: str) -> None:
    """Four steps of 1/255 go half as far as a budget of 8/255."""
    rows = [row({"name": "ifgsm", "eps": "8/255", "steps": 4, **settings}, 200, eps_reached=reached)]
    assert verdicts_of("budget reached", check_rows(rows)) == {verdict}
