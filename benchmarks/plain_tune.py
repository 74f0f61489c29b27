"""The peer: a plain Tune grid in which every trial does everything, actors reused, no loggers."""

from __future__ import annotations

import os
import tempfile
import time
from typing import Any

import ray
from ray import tune

from orchestrator.run.tune_grid import QUIET


def sleeping_trial(config: dict[str, Any]) -> None:
    """One trial that computes all of its stages."""
    time.sleep(config["seconds"])
    tune.report({"done_trials": 1})


def run(trials: int, seconds: float, slots: int) -> float:
    """Wall seconds of a grid of so many trials of so many seconds on so many slots, Ray's own start left out."""
    os.environ.update(QUIET)
    with tempfile.TemporaryDirectory(prefix="plain-") as folder:
        ray.init(num_cpus=slots, include_dashboard=False, log_to_driver=False, logging_level="ERROR",
                 _temp_dir=f"{folder}/ray")  # fmt: skip
        try:
            started = time.perf_counter()
            tune.Tuner(
                sleeping_trial,
                param_space={"trial": tune.grid_search(list(range(trials))), "seconds": seconds},
                tune_config=tune.TuneConfig(reuse_actors=True, max_concurrent_trials=slots),
                run_config=tune.RunConfig(storage_path=f"{folder}/tune", name="plain", verbose=0),
            ).fit()
            return time.perf_counter() - started
        finally:
            ray.shutdown()
