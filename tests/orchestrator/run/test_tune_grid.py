"""The grid as Ray Tune sees it, and the workers on a private Ray."""

from __future__ import annotations

import time
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from ray import tune
from ray.tune.execution import class_cache, tune_controller

from benchmarks import sleeping
from benchmarks.sleepers import BriefWorker
from orchestrator.cluster.connect import connect_cluster
from orchestrator.cluster.survey import collect_versions
from orchestrator.run import tune_grid, worker_starts
from orchestrator.run.tune_grid import COORDINATOR_LOSSES
from orchestrator.run.worker import WorkerSettings
from orchestrator.run.worker_pool import WorkerPool
from orchestrator.space.resources import Resources
from tests.support.harness import LIMIT, rows
from tests.support.parted_workers import part_workers

MANAGER = tune_controller.PlacementGroupResourceManager


class LosingTuner:
    """In the place of Tune: lets go of all trials once some of them have ended."""

    ends: int
    """Trials that end in each run."""
    runs: int

    def __init__(self, trainable: Any, *, param_space: dict[str, Any], tune_config: Any, run_config: Any) -> None:  # noqa: ARG002
        self._trials = param_space["trial"]["grid_search"]
        (self._callback,) = run_config.callbacks

    def fit(self) -> None:
        type(self).runs += 1
        assert tune_controller.PlacementGroupResourceManager is not MANAGER, "coordinators have a budget of their own"
        for trial_id in self._trials[: self.ends]:
            trial = SimpleNamespace(config={"trial": trial_id}, last_result={})
            self._callback.on_trial_complete(0, [], trial)
        raise RuntimeError("the system ended a process")


@pytest.mark.parametrize(("ends", "runs", "ended"), [(1, 30, 30), (0, COORDINATOR_LOSSES + 1, 0)])
def test_losses_count_where_nothing_was_gained_between_them(
    ends: int, runs: int, ended: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(LosingTuner, "ends", ends, raising=False)
    monkeypatch.setattr(LosingTuner, "runs", 0, raising=False)
    monkeypatch.setattr(tune, "Tuner", LosingTuner)
    found: list[str] = []
    tune_grid.run_grid(
        list(map(str, range(30))), "board", tmp_path, lambda trial, _: found.append(trial), lambda: False, 9
    )
    assert found == list(map(str, range(ended)))
    assert LosingTuner.runs == runs
    assert tune_controller.PlacementGroupResourceManager is MANAGER, "Tune is as it was for whatever else uses it"


def test_tune_is_told_to_be_silent_to_keep_its_coordinators_and_to_forgive_some_losses(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    told: list[Any] = []

    def make_tuner(trainable: Any, **settings: Any) -> Any:
        told.append((trainable, settings))
        return SimpleNamespace(fit=lambda: None)

    monkeypatch.setattr(tune, "Tuner", make_tuner)
    tune_grid.run_grid(["b", "a"], "the board", tmp_path, lambda *_: None, lambda: False, 9)
    ((trainable, settings),) = told
    (bundle,) = trainable._resources.bundles
    assert bundle == {"node:__internal_head__": 0.0001}, "the node that a sweep cannot lose; no CPU, no GPU"
    assert settings["param_space"] == {"trial": {"grid_search": ["b", "a"]}, "board": "the board"}
    assert settings["tune_config"].reuse_actors
    run = settings["run_config"]
    assert (run.name, run.storage_path, run.verbose) == ("grid", str(tmp_path / "from-0" / "attempt-0"), 0)
    assert run.failure_config.max_failures == COORDINATOR_LOSSES
    assert not run.stop("a", {}), "a coordinator ends by itself"
    assert not run.stop.stop_all()


def test_a_run_whose_last_coordinators_do_not_come_up_ends_once_nothing_can_be_waited_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    now, over, stops = [100.0], [False], list[bool]()
    monkeypatch.setattr(time, "monotonic", lambda: now[0])

    class WaitingTuner(LosingTuner):
        """One trial of three ends after a while; then none."""

        def __init__(self, trainable: Any, **settings: Any) -> None:
            super().__init__(trainable, **settings)
            self._stop = settings["run_config"].stop

        def fit(self) -> None:
            now[0] += 30
            stops.append(self._stop.stop_all())
            self._callback.on_trial_complete(0, [], SimpleNamespace(config={"trial": "0"}, last_result=None))
            for wait, is_over in ((20.0, True), (0.1, False), (0.0, True)):
                now[0] += wait
                over[0] = is_over
                stops.append(self._stop.stop_all())

    monkeypatch.setattr(tune, "Tuner", WaitingTuner)
    monkeypatch.setattr(tune_grid, "TRIALS_A_RUN", 3)
    found: list[Any] = []
    tune_grid.run_grid(list("0123456"), "board", tmp_path, lambda *told: found.append(told), lambda: over[0], 9)
    assert stops == [False, False, False, True], "20 s after the last trial that ended"
    assert found == [("0", {})], "what is left of the grid is not begun"


@pytest.mark.parametrize(("workers", "coordinators"), [(1, 1), (2, 2), (9, 2)])
def test_one_coordinator_is_enough_for_one_worker(
    workers: int, coordinators: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    budgets: list[dict[str, float]] = []

    class BudgetedTuner(LosingTuner):
        runs, ends = 0, 2

        def fit(self) -> None:
            manager: Any = tune_controller.PlacementGroupResourceManager
            budgets.extend(manager.args)  # a manager would start a Ray
            super().fit()

    monkeypatch.setattr(tune, "Tuner", BudgetedTuner)
    tune_grid.run_grid(["0", "1"], "board", tmp_path, lambda *_: None, lambda: False, workers)
    assert budgets == [{"node:__internal_head__": 0.0001 * coordinators}]


def test_coordinators_get_no_variables(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Ray writes those that a process gets into its logs, and starts Python twice for it."""
    monkeypatch.setattr(class_cache, "DEFAULT_ENV_VARS", {"PL_DISABLE_FORK": "1"})
    monkeypatch.setattr(class_cache, "ENV_VARS_TO_PROPAGATE", {"AWS_SECRET_ACCESS_KEY"})
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "planted")
    seen: list[Any] = []
    monkeypatch.setattr(class_cache.ray, "remote", lambda **options: lambda _: seen.append(options["runtime_env"]))

    class AskingTuner(LosingTuner):
        runs, ends = 0, 2

        def fit(self) -> None:
            class_cache._ActorClassCache().get(object)
            super().fit()

    monkeypatch.setattr(tune, "Tuner", AskingTuner)
    tune_grid.run_grid(["0", "1"], "board", tmp_path, lambda *_: None, lambda: False, 9)
    assert seen == [{"env_vars": {}}]


@pytest.mark.cluster
@pytest.mark.slow
def test_a_grid_that_tune_gets_in_parts_is_whole(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tune_grid, "TRIALS_A_RUN", 3)
    monkeypatch.setattr(tune_grid, "PATIENCE", float("inf"))  # coordinators may be long in coming up
    begun: list[int] = []
    make_tuner = tune.Tuner

    def count_trials(trainable: Any, **settings: Any) -> Any:
        begun.append(len(settings["param_space"]["trial"]["grid_search"]))
        return make_tuner(trainable, **settings)

    monkeypatch.setattr(tune, "Tuner", count_trials)
    plan = sleeping.grid(1, 1, 1, 4)
    with part_workers():
        measured = sleeping.run(plan, tmp_path, 1, BriefWorker)
    assert begun == [3, 1]
    assert {row["trial_id"] for row in rows(tmp_path)} == {planned.trial_id for planned in plan.trials}
    assert set(measured.executions.values()) == {1}
    assert measured.executions.keys() == plan.stages.keys()


@pytest.mark.cluster
@pytest.mark.slow
def test_a_node_that_came_later_and_differs_gets_no_work(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Only those that are there at the start can be asked before it."""
    monkeypatch.setattr(worker_starts, "MOST_FAILURES", 2)
    driver = collect_versions() | {"torch": "1.0"}
    with part_workers(), connect_cluster("local", 1):
        pool = WorkerPool(WorkerSettings(str(tmp_path), "x", None, versions=driver), 1)
        until = time.monotonic() + LIMIT
        while pool.start_problem is None and time.monotonic() < until:
            pool.resize({Resources(): 1})
            assert not pool.wait(0.1)
            assert not pool.idle_resources()
        pool.close()
    assert pool.start_problem is not None
    assert pool.start_problem.startswith("no worker can start: ")
    assert f"has torch {collect_versions()['torch']}, the driver has 1.0: they must be the same" in pool.start_problem
