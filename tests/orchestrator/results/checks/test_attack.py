"""Attacks that do not attack, and budgets that are not reached."""

from __future__ import annotations

import json
from typing import Any

import pytest

from orchestrator.results.checks.attack import check_attack_beats_probes
from orchestrator.results.checks.verdict import NOT_TESTED, OK, SUSPICIOUS, UPPER_BOUND
from orchestrator.results.verdicts import check_rows
from tests.support.rows import ifgsm, row, verdicts_of


@pytest.mark.parametrize(
    ("clean", "robust", "health", "verdict", "under"),
    [
        (500, 490, {"corrected": 70}, SUSPICIOUS, "56.0%"),
        (500, 463, {"corrected": 40}, OK, "50.3%"),
        (560, 490, {"corrected": 10}, OK, "50.0%"),
        (500, 500, {"corrected": 4}, OK, "50.4%"),  # four of four may be chance
        (500, 500, {"corrected": 5}, SUSPICIOUS, "50.5%"),
        (500, 560, {"gained": 70}, SUSPICIOUS, "56.0%"),  # of earlier versions, which counted them as robust
        (500, 503, {"gained": 40}, OK, "50.3%"),
        (560, 500, {"gained": 10}, OK, "50.0%"),
    ],
)
def test_a_model_that_does_better_under_attack_is_not_what_was_attacked(
    clean: int, robust: int, health: dict[str, int], verdict: str, under: str
) -> None:
    found = judge("robust <= clean", [ifgsm("8/255", 10, robust, clean_correct=clean, health=health)])
    figures = f"seen rightly: clean {clean / 10:.1f}%, under attack {under}"
    assert [(each[0], each[1]) for each in found] == [(verdict, figures)]


def test_examples_of_another_model_that_help_may_leak_their_label() -> None:
    own = ifgsm("8/255", 10, 560, clean_correct=500)
    rows = [own, own | {"attack_surrogate": "resnet8"}]
    reasons = [verdict.reason for one in rows for verdict in check_rows([one]) if verdict.check == "robust <= clean"]
    assert ["label leaking" in reason for reason in reasons] == [False, True]


@pytest.mark.parametrize(
    ("attack", "left", "other", "verdict"),
    [
        ({"name": "ead"}, 700, {}, SUSPICIOUS),
        ({"name": "ead"}, 475, {}, UPPER_BOUND),  # a half of those that are seen rightly
        ({"name": "ddn"}, 10, {}, UPPER_BOUND),
        ({"name": "ddn"}, 9, {}, OK),
        ({"name": "ddn"}, 0, {}, OK),
        ({"name": "ddn", "eps": 1.0}, 700, {}, None),  # a budget limits it
        ({"name": "jsma"}, 700, {}, None),  # and so does the share of values that may be changed
        ({"name": "jsma", "gamma": 1}, 700, {}, SUSPICIOUS),
        ({"name": "ddn", "targeted": True}, 700, {}, None),
        ({"name": "ddn"}, 700, {"deterministic": False}, None),
        ({"name": "pgd", "eps": "8/255"}, 700, {}, None),
    ],
)
def test_a_search_that_nothing_limits_fools_every_image(
    attack: dict[str, Any], left: int, other: dict[str, Any], verdict: str | None
) -> None:
    found = [each for each in check_rows([row(attack, left) | other]) if each.check == "any size fools all"]
    assert [each.verdict for each in found] == ([verdict] if verdict else [])
    assert all("larger initial_const" in each.reason for each in found if attack["name"] == "ead")
    assert all("initial_const" not in each.reason for each in found if attack["name"] != "ead")


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


def judge(check: str, rows: list[dict[str, Any]]) -> list[tuple[str, str, str]]:
    """Verdict, figures and cause of each verdict of a check."""
    return [(found.verdict, found.figures, found.cause) for found in check_rows(rows) if found.check == check]


@pytest.mark.parametrize(
    ("unmoved", "robust", "more", "verdict"),
    [
        (20, 200, {}, OK),
        (21, 200, {}, SUSPICIOUS),
        (1, 5, {}, OK),
        (2, 5, {}, SUSPICIOUS),
        (21, 200, {"deterministic": False}, None),
    ],
)
def test_a_tenth_of_the_robust_images_may_be_left_and_one_of_few(
    unmoved: int, robust: int, more: dict[str, Any], verdict: str | None
) -> None:
    """Of a random model nothing is said: a look that fooled it needs no perturbation."""
    found = judge("images are moved", [ifgsm("8/255", 10, robust, health={"unmoved": unmoved}, **more)])
    assert [(each[0], each[1]) for each in found] == (
        [(verdict, f"{unmoved} of {robust} robust images have a perturbation of size 0")] if verdict else []
    )
    assert judge("images are moved", [ifgsm("8/255", 10, 200)]) == []


def test_what_helps_a_model_is_said_with_its_numbers_whatever_its_stage_noted() -> None:
    cause = "the model does better under attack: what is attacked is not what is judged"
    better = ifgsm("8/255", 10, 560, clean_correct=500)
    assert judge("robust <= clean", [better]) == [(SUSPICIOUS, "seen rightly: clean 50.0%, under attack 56.0%", cause)]
    alike = ifgsm("8/255", 10, 500, clean_correct=500, health={"gained": 9})
    assert judge("robust <= clean", [alike]) == [(OK, "seen rightly: clean 50.0%, under attack 50.0%", "")]


PROBES = {"probe_images": 256, "step_beats_attack": 40, "attack_beats_step": 2, "noise_beats_attack": 0,
          "attack_beats_noise": 9}  # fmt: skip


@pytest.mark.parametrize(
    ("attack", "compared"),
    [
        ({"name": "ifgsm"}, True),
        ({"name": "fgsm"}, True),
        ({"name": "ifgsm", "targeted": True}, False),
        ({"name": "square"}, False),
        ({"name": "ifgsm", "steps": 4, "step_size": "1/255"}, False),
        ({"name": "ifgsm", "steps": 4, "step_size": "2/255"}, True),
        ({"name": "carlini_wagner"}, True),
    ],
)
def test_probes_are_weaker_by_right_than_what_follows_gradients_through_its_whole_budget(
    attack: dict[str, Any], compared: bool
) -> None:
    found = judge("attack >= probes", [row({"eps": "8/255", **attack}, 200, health=PROBES)])
    assert [each[0] for each in found] == [SUSPICIOUS if compared else NOT_TESTED]


@pytest.mark.parametrize(
    ("attack", "robust", "reached", "expected"),
    [
        ({}, 200, 4 / 255, (UPPER_BOUND, "eps 8/255, largest perturbation 4/255",
                            "budget not reached: the attack uses a part of it")),
        ({}, 200, 7.93 / 255, (OK, None, "")),
        ({}, 200, 7.91 / 255, (UPPER_BOUND, None, "budget not reached: the attack uses a part of it")),
        ({}, 0, 3 / 255, (OK, None, "")),
        ({}, 200, None, (OK, None, "")),
        ({"norm": "l2"}, 200, 3 / 255, (OK, None, "")),
        ({"step_size": "1/255"}, 0, 4 / 255,
         (UPPER_BOUND, "eps 8/255, largest perturbation 4/255",
          "budget not reached: 4 steps go 4/255 in all; raise step_size, or leave it out")),
    ],
)  # fmt: skip
def test_a_part_of_the_budget_is_said_to_be_used(
    attack: dict[str, Any], robust: int, reached: float | None, expected: tuple[str, str | None, str]
) -> None:
    cell = row({"name": "ifgsm", "eps": "8/255", "steps": 4, **attack}, robust, eps_reached=reached)
    ((verdict, figures, cause),) = judge("budget reached", [cell])
    assert (verdict, cause) == (expected[0], expected[2])
    assert expected[1] in (None, figures)


@pytest.mark.parametrize(("name", "eps"), [("carlini_wagner", 0.5), ("jsma", 5)])
def test_an_attack_without_a_budget_of_its_own_has_none_to_reach(name: str, eps: float) -> None:
    assert judge("budget reached", [row({"name": name, "eps": eps}, 200)]) == []
    assert judge("budget reached", [ifgsm(0, 4, 950)]) == []


@pytest.mark.parametrize(("step_size", "verdict"), [(None, OK), (3 / 255, SUSPICIOUS), (4 / 255, OK)])
def test_a_training_attack_that_cannot_reach_eps_train_trained_with_less(step_size: float | None, verdict: str) -> None:
    """Two steps toward 8/255."""
    cell = ifgsm("8/255", 10, 200, train_eps_reached=6 / 255)
    config = json.loads(cell["config"])
    config["adversarial_finetune"]["attack"]["step_size"] = step_size
    ((found, figures, cause),) = judge("eps_train reached", [cell | {"config": json.dumps(config)}])
    assert (found, bool(cause)) == (verdict, verdict == SUSPICIOUS)
    assert figures.startswith("eps_train 8/255, largest perturbation in training ")
    assert cause in ("", "the training attack goes 6/255 in all, so eps_train is not what was trained with")
