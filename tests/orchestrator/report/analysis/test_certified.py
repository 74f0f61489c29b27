"""Bands between certificate and attack, worked out by hand where seeds have not all met the same."""

from __future__ import annotations

import json
from typing import Any

import pytest

from orchestrator.report.analysis.certified import group_without_ratio, list_bands
from orchestrator.report.analysis.studies import group_studies
from tests.support.rows import row

NOISE = "noise(sigma 0.25) by vote"


def make_row(attack: dict[str, Any], robust: int, seed: int, ratio: float = 0.5, **more: Any) -> dict[str, Any]:
    made = row(attack, robust)
    config = json.loads(made["config"]) | {"seed": seed, "prune": {"ratio": ratio}}
    name = f"{made['trial_id']}-{seed}-{ratio}"
    place = {"trial_id": name, "attack_key": name, "config": json.dumps(config), "seed": seed, "pruning_ratio": ratio}
    return made | place | {"transformations": NOISE} | more


def certify(eps: float, robust: int, seed: int, ratio: float = 0.5, **more: Any) -> dict[str, Any]:
    return make_row({"name": "randomized_smoothing", "sigma": 0.25, "eps": eps}, robust, seed, ratio, **more)


def attack(name: str, eps: float, robust: int, seed: int, ratio: float = 0.5, **more: Any) -> dict[str, Any]:
    return make_row({"name": name, "norm": "l2", "eps": eps}, robust, seed, ratio, **more)


def test_of_a_seed_the_most_that_is_proven_and_the_least_that_is_left_count() -> None:
    worst = {"worst_case_correct": 450}
    rows = [
        attack("pgd", 0.5, 500, 0, **worst), attack("apgd_ce", 0.5, 480, 0, **worst), attack("pgd", 0.5, 600, 2),
        certify(0.5, 200, 0), certify(0.5, 300, 0, samples=1) | {"trial_id": "again"}, certify(0.5, 100, 1),
        certify(0.0, 700, 0, clean_accuracy=0.9), certify(0.0, 700, 1, clean_accuracy=0.8), certify(0.25, 400, 1),
        certify(0.5, 250, 0, ratio=0.25), attack("pgd", 1.0, 90, 0, ratio=0.25),
    ]  # fmt: skip
    (study,) = group_studies(rows)
    bands = list_bands(study)
    assert [(band["config"], band["ratio"], band["norm"], band["eps"], band["epsText"]) for band in bands] == [
        (0, 0.25, "l2", 0.5, "0.5"), (1, 0.5, "l2", 0.0, "0"), (1, 0.5, "l2", 0.25, "0.25"), (1, 0.5, "l2", 0.5, "0.5"),
    ]  # fmt: skip
    assert [band["lower"] for band in bands] == pytest.approx([0.25, 0.7, 0.4, 0.2]), "0.3 and 0.1"
    (unknown, clean, nobody, met) = (band["upper"] for band in bands)
    assert (unknown, nobody) == (None, None)
    assert (clean, met) == pytest.approx((0.85, 0.45)), "of the seed that has both"
    assert [band["range"] for band in bands] == ["25.0% to ?", "70.0% to 85.0%", "40.0% to ?", "20.0% to 45.0%"]
    lines = group_without_ratio(study)
    assert len({band["line"] for band in bands}) == 1, "one line over the pruning ratios"
    assert {band["line"] for band in bands} == set(lines.levels)
    assert [band["label"] for band in bands] == [study.configurations[band["config"]].label for band in bands]
