"""Indicators of an attack that failed, on rows that say so."""

from __future__ import annotations

from typing import Any

import pytest

from orchestrator.results.checks.verdict import NOT_TESTED, OK, SUSPICIOUS, UPPER_BOUND, Verdict
from orchestrator.results.verdicts import check_rows
from tests.support.rows import row, verdicts_of

PATH = {"path_images": 200, "silent": 0, "stuck": 0, "backwards": 4, "unfinished": 3, "fooled_on_path": 700}
WALK = {"step_beats_attack": 0, "noise_beats_attack": 0, "attack_beats_step": 9, "attack_beats_noise": 9,
        "step_only": 9, "noise_only": 0, "probe_images": 200, "walk_images": 32, "walk_fooled": 0}  # fmt: skip
TRANSFER = {
    "surrogate": {
        "seed": 7,
        "model": {"name": "resnet8"},
        "train": {"epochs": 1, "optimizer": {"name": "sgd", "lr": 0.1}},
    }
}


def say(check: str, health: dict[str, Any], **attack: Any) -> set[str]:
    """What a check says of a row of 1,000 images, 200 of them robust."""
    asked = {"name": "ifgsm", "eps": "8/255", "steps": 10, **attack}
    return verdicts_of(check, check_rows([row(asked, 200, health=health)]))


@pytest.mark.parametrize(
    ("check", "change", "attack", "verdict"),
    [
        ("no silent success", {"silent": 5}, {"stop_when_fooled": False}, UPPER_BOUND),
        ("no silent success", {}, {"stop_when_fooled": False}, OK),
        ("no silent success", {"silent": 5}, {}, OK),
        ("attack has converged", {"unfinished": 30}, {}, UPPER_BOUND),
        ("attack has converged", {}, {}, OK),
        ("loss rises", {"backwards": 90}, {}, SUSPICIOUS),
        ("loss rises", {}, {}, OK),
        ("another loss finds no more", {"walk_fooled": 5}, {}, UPPER_BOUND),
        ("another loss finds no more", {"walk_fooled": 20}, {}, SUSPICIOUS),
        ("another loss finds no more", {"walk_fooled": 20}, {"steps": 1}, UPPER_BOUND),
        ("another loss finds no more", {"walk_images": 10, "walk_fooled": 6}, {}, UPPER_BOUND),
        ("another loss finds no more", {}, {}, OK),
        ("surrogate fooled", {"fooled_on_path": 100}, TRANSFER, UPPER_BOUND),
        ("surrogate fooled", {}, TRANSFER, OK),
        ("attack has converged", {}, TRANSFER, NOT_TESTED),
        ("restarts", {"restart_images": 200, "restart_repeated": 200, "restart_found": 0}, {}, UPPER_BOUND),
        ("restarts", {"restart_images": 200, "restart_repeated": 199, "restart_found": 10}, {}, OK),
        ("restarts", {"restart_images": 200, "restart_repeated": 0, "restart_found": 11}, {}, UPPER_BOUND),
    ],
)
def test_what_the_path_says(check: str, change: dict[str, int], attack: dict[str, Any], verdict: str) -> None:
    assert say(check, {**PATH, **WALK, **change}, **attack) == {verdict}


@pytest.mark.parametrize("check", ["attack has converged", "loss rises", "another loss finds no more"])
def test_rows_of_earlier_versions_say_nothing(check: str) -> None:
    assert say(check, {"classes_said": 10}) == {NOT_TESTED}


def find(check: str, robust: int, health: dict[str, Any], attack: dict[str, Any], **metrics: Any) -> list[Verdict]:
    """What a check says of a row beside a larger one of which nothing is known."""
    asked = {"name": "ifgsm", "eps": "8/255", "steps": 10, **attack}
    rows = [row({**asked, "eps": "12/255"}, 100), row(asked, robust, health=health, **metrics)]
    found = check_rows(rows)
    return [each for each in found if each.check == check and rows[1]["trial_id"] in each.trials]


@pytest.mark.parametrize(
    ("check", "health", "attack", "verdict", "figures", "cause"),
    [
        ("no silent success", {"silent": 5}, {"stop_when_fooled": False}, "upper bound",
         "5 of 200 robust images were fooled on the way",
         "silent success: only the last iterate counts; set stop_when_fooled: true"),
        ("no silent success", {"silent": 5}, {}, "ok", "0 of 200 robust images were fooled on the way", ""),
        ("attack has converged", {"unfinished": 11}, {}, "upper bound",
         "11 of 200 robust images would be fooled if the loss went on rising so for as many steps again",
         "incomplete optimisation: add steps: 20"),
        ("attack has converged", {"unfinished": 10}, {}, "ok",
         "10 of 200 robust images would be fooled if the loss went on rising so for as many steps again", ""),
        ("loss rises", {"backwards": 59, "stuck": 7}, {}, "suspicious",
         "of 200 robust images the loss of 59 was never above its start, of which 7 never moved",
         "the loss does not rise along the attack: its gradients lead nowhere, or its steps overshoot"),
        ("loss rises", {"backwards": 58, "stuck": 7}, {}, "ok",
         "of 200 robust images the loss of 58 was never above its start, of which 7 never moved", ""),
        ("another loss finds no more", {"walk_images": 16, "walk_fooled": 9}, {"steps": 8}, "suspicious",
         "eight steps along the margin fool 9 of 16 images that it left",
         "the attack is misled where a plain one is not: its loss saturates, or its steps are wrong"),
        ("another loss finds no more", {"walk_images": 16, "walk_fooled": 8}, {"steps": 8}, "upper bound",
         "eight steps along the margin fool 8 of 16 images that it left",
         "another loss leaves less: add apgd_t, or more steps"),
        ("another loss finds no more", {"walk_images": 16, "walk_fooled": 9}, {"steps": 7}, "upper bound",
         "eight steps along the margin fool 9 of 16 images that it left",
         "another loss leaves less: add apgd_t, or more steps"),
        ("another loss finds no more", {"walk_images": 15, "walk_fooled": 15}, {}, "upper bound",
         "eight steps along the margin fool 15 of 15 images that it left",
         "another loss leaves less: add apgd_t, or more steps"),
        ("another loss finds no more", {"walk_fooled": 3}, {}, "upper bound",
         "eight steps along the margin fool 3 of 32 images that it left",
         "another loss leaves less: add apgd_t, or more steps"),
        ("another loss finds no more", {"walk_fooled": 2}, {}, "ok",
         "eight steps along the margin fool 2 of 32 images that it left", ""),
        ("surrogate fooled", {"fooled_on_path": 499}, TRANSFER, "upper bound",
         "499 of 1000 images fooled resnet8 seed 7 on the way",
         "the attack fails on its own surrogate, so that nothing could transfer: add steps"),
        ("surrogate fooled", {"fooled_on_path": 500}, TRANSFER, "ok",
         "500 of 1000 images fooled resnet8 seed 7 on the way", ""),
        ("restarts", {"restart_images": 8, "restart_repeated": 8, "restart_found": 0}, {}, "upper bound",
         "of 8 robust images the last restart fooled 0, and left 8 exactly as the first run did",
         "dead restarts: every one ends where the first run ended, so that they count as one"),
        ("restarts", {"restart_images": 90, "restart_repeated": 89, "restart_found": 11}, {}, "upper bound",
         "of 90 robust images the last restart fooled 11, and left 89 exactly as the first run did",
         "the last restart found images that none before had: add restarts"),
        ("restarts", {"restart_images": 90, "restart_repeated": 89, "restart_found": 10}, {}, "ok",
         "of 90 robust images the last restart fooled 10, and left 89 exactly as the first run did", ""),
    ],
)  # fmt: skip
def test_a_verdict_stands_on_its_numbers_and_says_what_to_do(
    check: str, health: dict[str, int], attack: dict[str, Any], verdict: str, figures: str, cause: str
) -> None:
    (found,) = find(check, 200, {**PATH, **WALK, **health}, attack)
    assert (found.verdict, found.figures, found.cause) == (verdict, figures, cause)
    assert len(found.trials) == 1, "of its own row alone"


@pytest.mark.parametrize(
    ("check", "health", "examples", "verdict"),
    [
        ("attack has converged", {"unfinished": 1}, 50, OK),
        ("attack has converged", {"unfinished": 2}, 50, UPPER_BOUND),
        ("restarts", {"restart_images": 20, "restart_repeated": 3, "restart_found": 1}, 50, OK),
        ("restarts", {"restart_images": 20, "restart_repeated": 3, "restart_found": 2}, 50, UPPER_BOUND),
    ],
)
def test_one_image_of_few_says_nothing(check: str, health: dict[str, int], examples: int, verdict: str) -> None:
    counts = {"examples": examples, "clean_correct": examples - 2}
    (found,) = find(check, 20, {**PATH, **WALK, **health}, {}, **counts)
    assert found.verdict == verdict


@pytest.mark.parametrize(
    ("check", "health", "attack", "verdicts"),
    [
        ("restarts", {"restart_images": 7, "restart_repeated": 7, "restart_found": 0}, {}, set()),
        ("restarts", {"restart_images": 90, "restart_repeated": 90, "restart_found": 0}, TRANSFER, set()),
        ("surrogate fooled", {"fooled_on_path": 1}, {}, set()),
        ("surrogate fooled", {"path_images": 0}, TRANSFER, set()),
        ("no silent success", {"silent": 5}, {"targeted": True, "stop_when_fooled": False}, {NOT_TESTED}),
        ("loss rises", {"path_images": 0}, {}, {NOT_TESTED}),
        ("another loss finds no more", {"walk_images": 0}, {}, {NOT_TESTED}),
        ("another loss finds no more", {}, {"targeted": True}, {NOT_TESTED}),
    ],
)
def test_where_the_path_says_nothing_there_is_no_verdict(
    check: str, health: dict[str, int], attack: dict[str, Any], verdicts: set[str]
) -> None:
    assert say(check, {**PATH, **WALK, **health}, **attack) == verdicts


def test_behind_transformations_a_success_on_the_way_may_be_chance() -> None:
    found = row({"name": "ifgsm", "eps": "8/255", "steps": 10, "stop_when_fooled": False}, 200,
                health={**PATH, "silent": 5}) | {"transformations": "quilting"}  # fmt: skip
    assert verdicts_of("no silent success", check_rows([found])) == {NOT_TESTED}
