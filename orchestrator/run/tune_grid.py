"""Ray Tune owns the grid: one trial per grid point, a plain grid of coordinators without resources."""

from __future__ import annotations

import itertools
import os
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

from ray import tune
from ray.air.execution import FixedResourceManager
from ray.tune import TuneError
from ray.tune.execution import class_cache, tune_controller

from orchestrator.run.coordinator import run_coordinator
from orchestrator.tracking.client import import_wandb

COORDINATORS = 2
"""Trials that wait at the same time, at most; each is a process that does nothing else, and takes seconds to start."""
ON_HEAD = {"node:__internal_head__": 0.0001}
"""What a coordinator holds: no CPU or GPU, next to nothing of the one node that a sweep cannot lose."""
QUIET = {
    "RAY_AIR_NEW_OUTPUT": "0",
    "TUNE_DISABLE_AUTO_CALLBACK_LOGGERS": "1",
    "TUNE_DISABLE_SIGINT_HANDLER": "1",
    "TUNE_FORCE_TRIAL_CLEANUP_S": "5",
    "TUNE_GLOBAL_CHECKPOINT_S": "3600",
    "TUNE_PRINT_ALL_TRIAL_ERRORS": "0",
    "TUNE_RESULT_DELIM": "/",
}
"""Tune's own output and loggers are off, and so is its restore: finished stages are what a sweep resumes from."""
TRIALS_A_RUN = 2000
"""Tune looks through all trials of a run for each that ends, so that a longer run would pay more for every trial."""
PATIENCE = 20.0
"""Seconds that a coordinator has to come up once nothing else happens."""
COORDINATOR_LOSSES = 10
"""How often a coordinator may be lost with nothing gained; nothing is computed again because of it."""


class _TrialCallback(tune.Callback):  # type: ignore[misc]
    """Hands the end of each trial on. Tune pickles its callbacks, so the function stays behind."""

    def __init__(self, on_trial: Callable[[str, dict[str, Any]], None]) -> None:
        self._on_trial = on_trial

    def on_trial_complete(self, iteration: int, trials: Any, trial: Any, **info: Any) -> None:  # noqa: ARG002
        self._on_trial(trial.config["trial"], trial.last_result or {})

    def __getstate__(self) -> dict[str, Any]:
        return {}


class _Stopper(tune.Stopper):  # type: ignore[misc]
    """Ends a run whose last coordinators do not come up, though nothing is left that they could wait for."""

    def __init__(self, is_over: Callable[[], bool]) -> None:
        self._is_over = is_over
        self.progressed_at = time.monotonic()

    def __call__(self, trial_id: str, result: dict[str, Any]) -> bool:  # noqa: ARG002
        return False

    def stop_all(self) -> bool:
        return time.monotonic() - self.progressed_at > PATIENCE and self._is_over()

    def __reduce__(self) -> tuple[Any, ...]:
        return tune.stopper.NoopStopper, ()  # Tune keeps a copy for a restore, which is not used


def run_grid(
    trial_ids: Sequence[str],
    board: str,
    folder: Path,
    on_trial: Callable[[str, dict[str, Any]], None],
    is_over: Callable[[], bool],
    workers: int,
) -> None:
    """Run one coordinator per trial, in this order; return when every trial has ended, or none can be walked any more.

    :param board: name of the actor that holds the outcomes.
    :param folder: a local folder for Tune's own files; nothing in it is needed afterwards.
    :param on_trial: called with the trial id and the reported result when a trial ends.
    :param is_over: whether nothing that a trial could wait for will still happen.
    :param workers: at most; one alone ends trials in this order, so that no second needs to wait beside the first.
    """
    os.environ.update(QUIET)
    import_wandb()  # Tune would, and leave its temporary folders where nobody removes them
    _hand_on_no_variables()
    with _own_budget(min(COORDINATORS, workers)):
        for first in range(0, len(trial_ids), TRIALS_A_RUN):
            part = trial_ids[first : first + TRIALS_A_RUN]
            if not _run_part(part, board, folder / f"from-{first}", on_trial, is_over):
                return


def _hand_on_no_variables() -> None:
    """Give coordinators no variables of this process: Tune would, secrets among them, and Ray write them into its logs.

    They touch no storage and need none. And for processes with variables of their own Ray starts Python twice.
    """
    class_cache.DEFAULT_ENV_VARS.clear()
    class_cache.ENV_VARS_TO_PROPAGATE.clear()


@contextmanager
def _own_budget(coordinators: int) -> Iterator[None]:
    """Have Tune limit its coordinators by a budget of this sweep, not by a resource that all sweeps share.

    Tune's own limit of trials would not do: trials that end sooner than an actor starts make it start and kill a
    process for nearly every trial, unless the actors that start have to wait for a resource.
    """
    budget = {name: coordinators * share for name, share in ON_HEAD.items()}
    before = tune_controller.PlacementGroupResourceManager
    tune_controller.PlacementGroupResourceManager = partial(FixedResourceManager, budget)
    try:
        yield
    finally:
        tune_controller.PlacementGroupResourceManager = before


def _run_part(
    trial_ids: Sequence[str],
    board: str,
    folder: Path,
    on_trial: Callable[[str, dict[str, Any]], None],
    is_over: Callable[[], bool],
) -> bool:
    """Run a part of the grid, and begin again with what is left of it where Tune lets go of all.

    It does so when Ray's memory monitor ends one of its processes: that error is none of those that it knows.

    :returns: whether all of it has ended.
    """
    ended: set[str] = set()
    stopper = _Stopper(is_over)

    def note(trial_id: str, result: dict[str, Any]) -> None:
        stopper.progressed_at = time.monotonic()
        ended.add(trial_id)
        on_trial(trial_id, result)

    losses = 0
    for attempt in itertools.count():
        waiting = [trial_id for trial_id in trial_ids if trial_id not in ended]
        if not waiting or losses > COORDINATOR_LOSSES or stopper.stop_all():
            break
        known = len(ended)
        try:
            _run(waiting, board, folder / f"attempt-{attempt}", note, stopper)
            break
        except (RuntimeError, TuneError):
            losses = 1 if len(ended) > known else losses + 1
    return len(ended) == len(trial_ids)


def _run(
    trial_ids: Sequence[str],
    board: str,
    folder: Path,
    on_trial: Callable[[str, dict[str, Any]], None],
    stopper: tune.Stopper,
) -> None:
    trainable = tune.with_resources(run_coordinator, tune.PlacementGroupFactory([ON_HEAD]))
    tuner = tune.Tuner(
        trainable,
        param_space={"trial": tune.grid_search(list(trial_ids)), "board": board},
        tune_config=tune.TuneConfig(reuse_actors=True),
        run_config=tune.RunConfig(
            name="grid",
            storage_path=str(folder),
            verbose=0,
            callbacks=[_TrialCallback(on_trial)],
            failure_config=tune.FailureConfig(max_failures=COORDINATOR_LOSSES),
            stop=stopper,
        ),
    )
    tuner.fit()
