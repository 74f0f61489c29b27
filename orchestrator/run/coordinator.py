"""What runs in Ray for each trial of the grid: it waits at the board for what becomes of its stages."""

from __future__ import annotations

from typing import Any

import ray
from ray import tune

from orchestrator.run.board_actor import find_board


def run_coordinator(config: dict[str, Any]) -> None:
    """One Tune trial: walk the chain of a grid point, report what came out. Holds neither CPU nor GPU.

    :param config: `trial`, the id of the trial, and `board`, the name of the board.
    """
    outcome = ray.get(find_board(config["board"]).walk.remote(config["trial"]))
    tune.report({"status": outcome["status"], **outcome.get("metrics", {})})
