"""Indicators of an attack that failed, on rows that say so."""

from __future__ import annotations

from typing import Any

import pytest

from orchestrator.results.checks.verdict import NOT_TESTED, OK, SUSPICIOUS, UPPER_BOUND
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
