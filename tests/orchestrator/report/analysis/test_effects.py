"""Effects are found where they were planted, and nowhere else."""

from __future__ import annotations

from pathlib import Path

import pytest

from orchestrator.report.analysis.effects import Effect, estimate_effects
from orchestrator.report.analysis.studies import group_studies
from orchestrator.report.analysis.study import Study
from tests.support.report_data import GRID, made_up


def one(found: list[Effect], axis: str, before: str, after: str, measure: str) -> Effect:
    (effect,) = [e for e in found if (e.axis, e.before, e.after, e.measure) == (axis, before, after, measure)]
    return effect


def test_effects_are_those_that_were_planted(made_study: Study) -> None:
    found = estimate_effects(made_study)
    pruned = one(found, "pruning ratio", "0", "0.4", "clean accuracy")
    assert pruned.paired is not None
    assert pruned.paired.interval.count == 5 * 3, "five defences, three seeds"
    assert pruned.paired.interval.mean == pytest.approx(-0.04, abs=0.005)
    assert pruned.verdict == "real"
    absent = one(found, "lambda", "0.5", "0.9", "robust accuracy")
    assert absent.paired is not None
    assert absent.paired.interval.mean == 0
    assert absent.verdict == "noise"
    tuned = one(found, "lambda", "none", "0.5", "robust accuracy")
    assert tuned.paired is not None
    assert tuned.paired.interval.count == 2 * 3, "trials without fine-tuning have no eps_train to be alike in"
    assert tuned.paired.interval.mean > 0.1
    steps = one(found, "iterations", "1", "10", "robust accuracy")
    assert steps.paired is not None
    assert steps.paired.interval.count == 10 * 3, "one difference a model: its attacks are no replicates"


def test_axes_that_always_change_together_are_not_taken_apart(tmp_path: Path) -> None:
    light = {"lambda": 0.5, "epochs": 1, "optimizer": {"name": "sgd", "lr": 0.02},
             "attack": {"name": "ifgsm", "eps": "4/255", "steps": 3}}  # fmt: skip
    strong = {**light, "lambda": 0.9, "attack": {"name": "ifgsm", "eps": "8/255", "steps": 5}}
    content = {**GRID, "prune": None, "adversarial_finetune": {"grid_search": [light, strong]}}
    (study,) = group_studies(made_up(tmp_path, content, images=False).rows())
    assert {e.axis for e in estimate_effects(study) if not e.of_attack} == {
        "lambda with eps_train with training attack steps"
    }
