"""Rows of finished trials, made without running anything."""

from __future__ import annotations

from typing import Any

from orchestrator.results.checks.verdict import Verdict
from orchestrator.space import space as spaces
from tasks.trial.chain import build_chain
from tasks.trial.row import make_finished_row
from tasks.trial.trial import simplify_trial
from tests.conftest import CONFIG


def row(attack: dict[str, Any], robust: int, **metrics: Any) -> dict[str, Any]:
    """The finished row of an attack on one model, 1,000 images of which 950 are classified correctly."""
    space = spaces.build("test", "test", {**CONFIG, "attack": attack})
    trial = simplify_trial(space.trials[0])
    stages = build_chain(trial, "0" * 64)
    found = {"examples": 1000, "clean_correct": 950, "robust_correct": robust, "classes": 10}
    found |= {"parameters": 1, "nonzero_parameters": 1, "macs": 1}
    found |= {"gradient_images": 256, "zero_gradients": 0, "deterministic": True, **metrics}
    time = "2026-01-01T00:00:00+00:00"
    record = {
        "metrics": found,
        "device": "cpu",
        "versions": {},
        "seconds": 1.0,
        "started_at": time,
        "finished_at": time,
    }
    made = make_finished_row(trial, stages, {stage.key: record for stage in stages})
    return made | {"sweep_id": "s", "space": "test"}


def ifgsm(eps: float | str, steps: int, robust: int, **metrics: Any) -> dict[str, Any]:
    return row({"name": "ifgsm", "eps": eps, "steps": steps}, robust, **metrics)


def verdicts_of(check: str, found: list[Verdict]) -> set[str]:
    """What one check says, over all that it looked at."""
    return {verdict.verdict for verdict in found if verdict.check == check}
