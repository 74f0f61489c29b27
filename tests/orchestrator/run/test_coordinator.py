"""What a trial of the grid tells Tune, with the board and Tune played."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest
import ray
from ray import tune

from orchestrator.run import coordinator
from orchestrator.run.coordinator import run_coordinator


@pytest.mark.parametrize(
    ("outcome", "told"),
    [
        ({"status": "finished", "metrics": {"robust_accuracy": 0.3, "seed": 2}, "key": "k"},
         {"status": "finished", "robust_accuracy": 0.3, "seed": 2}),
        ({"status": "failed", "error": "out of memory"}, {"status": "failed"}),
    ],
)  # fmt: skip
def test_tune_is_told_the_status_and_the_metrics_of_the_trial(
    outcome: dict[str, Any], told: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    reported: list[dict[str, Any]] = []
    boards = {"board of the sweep": SimpleNamespace(walk=SimpleNamespace(remote=lambda trial: {"t1": outcome}[trial]))}
    monkeypatch.setattr(coordinator, "find_board", boards.__getitem__)
    monkeypatch.setattr(ray, "get", lambda found: found)
    monkeypatch.setattr(tune, "report", reported.append)
    run_coordinator({"trial": "t1", "board": "board of the sweep"})
    assert reported == [told]
