"""What the driver decides before anything runs."""

from __future__ import annotations

import contextlib
import io
import os
import signal
import threading
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest
from rich.console import Console

from orchestrator.cluster.capacity import Growth, Shape
from orchestrator.cluster.connect import Cluster
from orchestrator.options import LaunchOptions
from orchestrator.plan.estimates import Speeds
from orchestrator.plan.plan import make_plan
from orchestrator.plan.prepare import PreparedSweep
from orchestrator.run import driver, progress
from orchestrator.run.driver import (
    MOST_WORKERS,
    count_slots,
    make_executor,
    order_trials,
    place_on_cluster,
    run_executor,
    run_sweep,
)
from orchestrator.run.worker import StageWorker
from orchestrator.space import space as spaces
from orchestrator.space.resources import Resources, ResourceTable
from orchestrator.store.sweep_store import SweepStore
from tasks.errors import UsageError
from tasks.storage.storage import open_storage
from tests.conftest import CONFIG


def make_prepared(folder: Path, **finished: Any) -> PreparedSweep:
    """Two long and two short chains, by seed and by whether they are fine-tuned."""
    content: dict[str, Any] = {
        **CONFIG,
        "seed": {"grid_search": [0, 1]},
        "finetune": {"grid_search": [{**CONFIG["finetune"], "epochs": 40}, None]},  # type: ignore[dict-item]
    }
    plan = make_plan(spaces.build("order", "order", content), None)
    storage = open_storage(folder)
    speeds = Speeds({}, dict.fromkeys(["train", "prune", "finetune", "adversarial_finetune", "attack"], 1e-6))
    return PreparedSweep(
        plan, storage, SweepStore(storage, plan.sweep_id), ResourceTable(), {}, finished, speeds, plan.jobs(())
    )


def test_trials_come_in_the_order_in_which_their_last_stages_end(tmp_path: Path) -> None:
    prepared = make_prepared(tmp_path)
    chains = order_trials(prepared, 4)
    assert chains == {planned.trial_id: [stage.key for stage in planned.chain] for planned in prepared.plan.trials}
    ends = prepared.schedule(4).finished_at
    found = [ends[chain[-1]] for chain in chains.values()]
    assert found == sorted(found)
    assert [len(chain) for chain in chains.values()] == [4, 4, 5, 5], "the short chains first"


def test_finished_trials_are_not_walked_again(tmp_path: Path) -> None:
    prepared = make_prepared(tmp_path)
    done = prepared.plan.trials[0].trial_id
    assert done not in order_trials(replace(prepared, finished={done: {}}), 4)


def test_a_private_ray_has_a_worker_for_each_share_of_its_cpus(tmp_path: Path) -> None:
    prepared = replace(
        make_prepared(tmp_path), resources=ResourceTable({"attack": Resources(cpus=0.5)}, Resources(cpus=2))
    )
    cluster = Cluster(4.0, 0.0, tmp_path)
    assert count_slots(prepared, LaunchOptions("order"), cluster) == 8
    assert count_slots(prepared, LaunchOptions("order", address="auto"), cluster) == MOST_WORKERS


def place(
    prepared: PreparedSweep, nodes: list[Shape], monkeypatch: pytest.MonkeyPatch
) -> tuple[list[str], PreparedSweep | str, str]:
    """What is done with the cluster in which order, where stages are placed (or why not), and what is said."""
    done: list[str] = []
    monkeypatch.setattr(driver, "list_shapes", lambda: nodes)
    monkeypatch.setattr(driver, "find_growth", Growth)
    monkeypatch.setattr(driver, "establish_storage", lambda _: done.append("write"))

    def ask(_: Any, data_dir: Path | None) -> str:
        done.append(f"ask {data_dir}")
        return "answers"

    def check(found: Any, _: Any, data_dir: Path | None) -> None:
        done.append(f"check {found} {data_dir}")

    monkeypatch.setattr(driver, "survey", ask)
    monkeypatch.setattr(driver, "check_nodes", check)
    shown = io.StringIO()
    options = LaunchOptions("order", address="auto", data_dir=Path("/data"))
    try:
        found: PreparedSweep | str = place_on_cluster(prepared, options, Console(file=shown, width=200))
    except UsageError as error:
        found = str(error)
    return done, found, shown.getvalue()


def test_stages_are_placed_on_what_a_cluster_has_before_anything_is_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    prepared = replace(make_prepared(tmp_path), resources=ResourceTable({"attack": Resources(cpus=3)}))
    done, found, shown = place(prepared, [Shape("node", 4, 1)], monkeypatch)
    assert isinstance(found, PreparedSweep)
    assert done == ["write", "ask /data", "check answers /data"]
    assert (found.resources.of("train").gpus, found.resources.of("prune").gpus) == (1.0, 0.0)
    assert "GPU" in shown
    done, refused, shown = place(prepared, [Shape("node", 2, 1)], monkeypatch)
    assert (done, shown) == ([], "")
    assert str(refused).startswith("attack asks for 3 CPUs")


def test_an_executor_is_made_with_what_the_launch_asks_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    made: dict[str, Any] = {}

    def keep_pool(settings: Any, most: int, worker: Any, **here: Any) -> str:
        made["pool"] = (settings, most, worker, here)
        return "pool"

    def keep_executor(_: Any, pool: Any, resources: Any, sweep: Any, policy: Any, **rest: Any) -> str:
        made["executor"] = (pool, resources, sweep, policy, rest)
        return "executor"

    monkeypatch.setattr(driver, "WorkerPool", keep_pool)
    monkeypatch.setattr(driver, "StageExecutor", keep_executor)
    monkeypatch.setattr(driver, "collect_versions", lambda: {"torch": "1"})
    prepared = replace(make_prepared(tmp_path), timeouts={"train": 7.0})
    sweep = cast(Any, SimpleNamespace(prepared=prepared, board=SimpleNamespace(name="board-1")))
    here = LaunchOptions("order", max_failures=4, max_preemptions=6, max_concurrent=3, data_dir=Path("/data"))
    assert make_executor(sweep, here, Cluster(4.0, 0.0, tmp_path), StageWorker) == cast(Any, "executor")
    settings, most, worker, extra = made["pool"]
    assert (settings.sweep_id, settings.data_dir, settings.board) == (prepared.plan.sweep_id, Path("/data"), "board-1")
    assert (settings.fresh, settings.versions, most, worker) == (False, None, 3, StageWorker)
    assert extra.keys() == {"find_shortage"}
    pool, resources, told, policy, rest = made["executor"]
    assert (pool, resources, told, rest) == ("pool", prepared.resources, sweep, {"eager": True})
    assert (policy.max_failures, policy.max_preemptions, policy.timeouts) == (4, 6, {"train": 7.0})
    there = replace(here, address="auto", fresh=True, max_concurrent=None)
    make_executor(sweep, there, Cluster(4.0, 0.0, tmp_path), StageWorker)
    settings, most, _, extra = made["pool"]
    assert (settings.fresh, settings.versions, most, extra) == (True, {"torch": "1"}, MOST_WORKERS, {})
    assert made["executor"][-1] == {"eager": False}


class Played:
    """A run of which every part only says that it was there."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.done: list[Any] = []
        self.error: BaseException | None = None
        """What the executor ends with."""
        self.joining: BaseException | None = None
        """What connecting to a cluster ends with."""
        heartbeat = SimpleNamespace(start=lambda: self.done.append("beat"))
        self.sweep = SimpleNamespace(
            heartbeat=heartbeat,
            connect_wandb=lambda: self.done.append("W&B"),
            rows=SimpleNamespace(record_all=lambda: self.done.append("rows")),
            close=lambda *words, **more: self.done.append((words, more)),
        )
        self.prepared: Any = SimpleNamespace(
            storage="storage", jobs=["job"], write_plan=lambda: self.done.append("plan")
        )
        monkeypatch.setattr(driver, "establish_storage", lambda storage: self.done.append(f"establish {storage}"))
        monkeypatch.setattr(driver, "make_sweep", lambda *_: self.sweep)
        monkeypatch.setattr(driver, "connect_cluster", self.connect)
        monkeypatch.setattr(driver, "place_on_cluster", self.place)
        monkeypatch.setattr(driver, "replace", lambda sweep, prepared: self.done.append(prepared) or sweep)  # type: ignore[func-returns-value]
        monkeypatch.setattr(driver, "watch_head", lambda _: contextlib.nullcontext())
        monkeypatch.setattr(driver, "make_executor", lambda *_: "executor")
        monkeypatch.setattr(driver, "run_executor", self.run)
        monkeypatch.setattr(driver, "describe_ending", lambda _, executor, interrupted: (executor, interrupted))
        monkeypatch.setattr(driver, "report_ending", lambda _, __, ___, interrupted: 130 if interrupted else 7)

    @contextlib.contextmanager
    def connect(self, *words: Any) -> Any:
        if self.joining is not None:
            raise self.joining
        self.done.append(words)
        yield "cluster"
        self.done.append("left")

    def place(self, prepared: Any, *_: Any) -> Any:
        return SimpleNamespace(write_plan=lambda: self.done.append("plan as placed"), before=prepared)

    def run(self, sweep: Any, executor: Any, cluster: Any, console: Any) -> None:  # noqa: ARG002
        self.done.append(f"run {executor} on {cluster}")
        if self.error is not None:
            raise self.error

    def start(self, **options: Any) -> int:
        asked = LaunchOptions("order", **options)
        return run_sweep(self.prepared, asked, Console(quiet=True), lambda: self.done.append("release"))


@pytest.fixture
def played(monkeypatch: pytest.MonkeyPatch) -> Played:
    return Played(monkeypatch)


def test_a_launch_is_seen_in_the_storage_before_others_may_remove_and_it_runs(played: Played) -> None:
    assert played.start(cpus=3, gpus=1) == 7
    assert played.done == [
        "establish storage", ("local", 3, 1), "plan", "beat", "release", "run executor on cluster", "left",
        ((("executor", False),), {"hurried": False}),
    ]  # fmt: skip


def test_on_a_cluster_what_runs_is_what_was_placed_there(played: Played) -> None:
    assert played.start(address="auto") == 7
    joined, placed, *rest = played.done
    assert (joined, placed.before) == (("auto", None, None), played.prepared)
    assert rest[:3] == ["plan as placed", "beat", "release"]


@pytest.mark.parametrize("address", ["local", "auto"])
def test_where_every_stage_is_there_rows_are_made_without_ray(played: Played, address: str) -> None:
    played.prepared.jobs = []
    assert played.start(address=address) == 7
    assert played.done == [
        "establish storage", "plan", "beat", "release", "W&B", "rows", (((None, False),), {"hurried": False}),
    ]  # fmt: skip


def test_an_interrupt_ends_in_a_hurry_and_nothing_is_closed_that_has_not_begun(played: Played) -> None:
    played.error = KeyboardInterrupt()
    assert played.start() == 130
    assert played.done[-1] == ((("executor", True),), {"hurried": True})
    played.joining, played.done = KeyboardInterrupt(), []
    assert played.start() == 130
    assert played.done == ["establish storage"]


def test_a_defect_closes_the_sweep_too(played: Played) -> None:
    played.error = ZeroDivisionError()
    with pytest.raises(ZeroDivisionError):
        played.start()
    assert played.done[-1] == ((("executor", False),), {"hurried": False})


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_interrupts_once_and_handlers_come_back(number: signal.Signals) -> None:
    def own(*_: object) -> None: ...

    before = signal.signal(number, own)
    try:
        with driver._handle_interrupts():
            with pytest.raises(KeyboardInterrupt):
                os.kill(os.getpid(), number)
            os.kill(os.getpid(), signal.SIGINT)
            os.kill(os.getpid(), signal.SIGTERM)
        assert signal.getsignal(number) is own
    finally:
        signal.signal(number, before)


def test_another_thread_leaves_signals_alone() -> None:
    met: list[bool] = []
    before = signal.getsignal(signal.SIGTERM)

    def look() -> None:
        with driver._handle_interrupts():
            met.append(signal.getsignal(signal.SIGTERM) is before)

    thread = threading.Thread(target=look)
    thread.start()
    thread.join()
    assert met == [True]


@pytest.mark.parametrize("error", [None, ValueError("of the executor")])
def test_jobs_are_dispatched_before_tune_starts_and_rows_are_recorded_to_the_end(
    error: Exception | None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    done: list[Any] = []
    over = threading.Event()

    class Executor:
        workers_up = SimpleNamespace(wait=lambda seconds: done.append(f"wait {seconds:g}"))
        most_workers = 7

        def dispatch(self) -> None:
            done.append("dispatch")

        def run(self) -> None:
            over.wait(60)
            if error is not None:
                raise error

        def stop(self) -> None:
            done.append("stop")

        def close(self) -> None:
            done.append("close")

    def walk(trials: list[str], board: str, folder: Path, on_trial: Any, is_over: Any, workers: int) -> None:
        done.append((trials, board, folder, on_trial, is_over(), workers))
        over.set()

    board = SimpleNamespace(
        close=lambda: done.append("board"), open=lambda chains, _: contextlib.nullcontext(f"board of {len(chains)}")
    )
    prepared = make_prepared(tmp_path / "s")
    rows = SimpleNamespace(record_all=lambda: done.append("rows"), record_trial="record_trial")
    sweep: Any = SimpleNamespace(
        prepared=prepared, board=board, state="state", rows=rows, connect_wandb=lambda: done.append("wandb")
    )
    monkeypatch.setattr(progress, "show_progress", lambda *_: contextlib.nullcontext())
    monkeypatch.setattr(driver, "run_grid", walk)
    cluster = Cluster(3.7, 0.0, tmp_path)
    with contextlib.nullcontext() if error is None else pytest.raises(ValueError, match="of the executor"):
        run_executor(sweep, Executor(), cluster, Console(quiet=True))  # type: ignore[arg-type]
    trials = list(order_trials(prepared, 3))
    walked = (trials, "board of 4", tmp_path / "tune", "record_trial", False, 7)
    assert [each for each in done if each not in ("board", "rows")] == [
        "dispatch", "wait 15", "wandb", walked, "stop", "close",
    ]  # fmt: skip
    assert (done.count("board"), done[-1]) == (1, "rows")
