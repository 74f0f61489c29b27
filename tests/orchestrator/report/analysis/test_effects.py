"""Effects are found where they were planted, and nowhere else."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from orchestrator.report.analysis.effects import TOO_FEW, Effect, estimate_effects
from orchestrator.report.analysis.studies import group_studies
from orchestrator.report.analysis.study import Study
from tests.support.report_data import GRID, WITHOUT_TUNING, made_up


def one(found: list[Effect], axis: str, before: str, after: str, measure: str) -> Effect:
    (effect,) = [e for e in found if (e.axis, e.before, e.after, e.measure) == (axis, before, after, measure)]
    return effect


def test_effects_are_those_that_were_planted(made_study: Study) -> None:
    found = estimate_effects(made_study)
    pruned = one(found, "pruning ratio", "0", "0.4", "clean accuracy")
    assert pruned.paired is not None
    assert pruned.paired.interval.count == 3, "a difference for each seed: its five defences are no replicates"
    assert pruned.paired.interval.mean == pytest.approx(-0.04, abs=0.005)
    assert pruned.verdict == "real"
    absent = one(found, "lambda", "0.5", "0.9", "robust accuracy")
    assert absent.paired is not None
    assert absent.paired.interval.mean == 0
    assert absent.verdict == "noise"
    tuned = one(found, "lambda", "none", "0.5", "robust accuracy")
    assert tuned.paired is not None
    assert tuned.paired.interval.count == 3, "trials without fine-tuning have no eps_train to be alike in"
    assert tuned.paired.interval.mean > 0.1
    steps = one(found, "iterations", "1", "10", "robust accuracy")
    assert steps.paired is not None
    assert steps.paired.interval.count == 3, "neither attacks nor models of one seed are replicates"


LIGHT = {**GRID, "attack": {**GRID["attack"], "eps": {"grid_search": ["8/255", "16/255"]}, "steps": 10}}
"""Ten configurations under two attacks, by three seeds."""


def test_the_pairs_of_one_seed_are_one_observation(tmp_path: Path) -> None:
    """Five settings each gain alike within a seed, but one seed loses: by its pairs real, by its seeds noise."""

    def by_seed(row: dict[str, Any]) -> tuple[float, float]:
        return (0.9, 0.5 + (0.1, 0.12, -0.2)[row["seed"]] * (row["pruning_ratio"] > 0))

    (study,) = group_studies(made_up(tmp_path, LIGHT, rule=by_seed, images=False).rows())
    found = one(estimate_effects(study), "pruning ratio", "0", "0.4", "robust accuracy")
    assert found.verdict == "noise"


@pytest.mark.parametrize(("seeds", "verdict"), [([0, 1], TOO_FEW), ([0], TOO_FEW), ([0, 1, 2], "real")])
def test_with_fewer_than_three_seeds_nothing_is_called_real(seeds: list[int], verdict: str, tmp_path: Path) -> None:
    content = {**LIGHT, "seed": {"grid_search": seeds}}
    (study,) = group_studies(made_up(tmp_path, content, images=False).rows())
    found = one(estimate_effects(study), "pruning ratio", "0", "0.4", "clean accuracy")
    assert (found.verdict, found.adjusted is None) == (verdict, verdict == TOO_FEW)


def test_no_budget_is_compared_with_no_attack(tmp_path: Path) -> None:
    """At a budget of zero nothing is attacked: that any attack costs accuracy is no effect of its budget."""
    content = {**WITHOUT_TUNING, "prune": None}
    content |= {"attack": {**GRID["attack"], "eps": {"grid_search": [0, "8/255", "16/255"]}, "steps": 10}}
    (study,) = group_studies(made_up(tmp_path, content, images=False).rows())
    assert {(effect.before, effect.after) for effect in estimate_effects(study)} == {("8/255", "16/255")}


def test_axes_that_always_change_together_are_not_taken_apart(tmp_path: Path) -> None:
    light = {"lambda": 0.5, "epochs": 1, "optimizer": {"name": "sgd", "lr": 0.02},
             "attack": {"name": "ifgsm", "eps": "4/255", "steps": 3}}  # fmt: skip
    strong = {**light, "lambda": 0.9, "attack": {"name": "ifgsm", "eps": "8/255", "steps": 5}}
    content = {**GRID, "prune": None, "adversarial_finetune": {"grid_search": [light, strong]}}
    (study,) = group_studies(made_up(tmp_path, content, images=False).rows())
    assert {e.axis for e in estimate_effects(study) if not e.of_attack} == {
        "lambda with eps_train with training attack steps"
    }
