"""Rows of finished trials, made without running anything."""

from __future__ import annotations

import functools
import json
from typing import Any

from orchestrator.results.checks.verdict import Verdict
from orchestrator.space import space as spaces
from tasks.attacks.base import MethodSettings
from tasks.certificates.registry import METHODS
from tasks.trial.chain import Stage, build_chain
from tasks.trial.row import make_finished_row
from tasks.trial.trial import Trial, simplify_trial
from tests.conftest import CONFIG


def row(attack: dict[str, Any], robust: int, **metrics: Any) -> dict[str, Any]:
    """The finished row of an attack on one model, 1,000 images of which 950 are classified correctly."""
    trial, stages = _build_trial(json.dumps(attack), METHODS.load(attack["name"]))
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


@functools.cache
def _build_trial(attack: str, kind: type[MethodSettings]) -> tuple[Trial, tuple[Stage, ...]]:  # noqa: ARG001
    """The trial of an attack, which many rows have, and its chain.

    :param attack: its settings as JSON.
    :param kind: what its name stands for now.
    """
    space = spaces.build("test", "test", {**CONFIG, "attack": json.loads(attack)})
    trial = simplify_trial(space.trials[0])
    return trial, build_chain(trial, "0" * 64)


def ifgsm(eps: float | str, steps: int, robust: int, **metrics: Any) -> dict[str, Any]:
    return row({"name": "ifgsm", "eps": eps, "steps": steps}, robust, **metrics)


def verdicts_of(check: str, found: list[Verdict]) -> set[str]:
    """What one check says, over all that it looked at."""
    return {verdict.verdict for verdict in found if verdict.check == check}
