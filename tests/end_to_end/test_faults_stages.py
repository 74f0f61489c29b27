"""Stages that hang, and stages for which there is not enough memory, in real workers; the others only sleep."""

from __future__ import annotations

import io
import json
import os
import resource
import signal
import time
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from rich.console import Console

from benchmarks import sleeping
from benchmarks.sleepers import SECONDS, SleepingWorker
from orchestrator.cluster import node_watch
from orchestrator.cluster.node import WorkerPlace
from orchestrator.options import LaunchOptions
from orchestrator.plan.plan import Plan, plan_text
from orchestrator.plan.prepare import PreparedSweep
from orchestrator.results.verdicts import annotate_rows
from orchestrator.run.driver import run_sweep
from orchestrator.status.facts import collect_facts
from orchestrator.store.sweep_store import SweepStore
from tasks.storage.stage_store import StageStore
from tasks.storage.storage import establish_storage, open_storage
from tasks.trial.chain import Stage
from tasks.trial.row import make_finished_row
from tests.support.harness import ended, executions, results_only, rows

pytestmark = [pytest.mark.cluster, pytest.mark.fault, pytest.mark.slow]

LIMIT = 8.0
"""Seconds that the stages which hang may take."""
FAULTS = "faults.json"
KILLS = "oom_kills"
"""Stands for the kernel's own count, which only a real shortage of the whole machine would raise."""


class FaultyWorker(SleepingWorker):
    """Meets the faults that a file in the storage names by stage key."""

    seconds = dict.fromkeys(SECONDS, 0.02)

    def run(self, stages: Sequence[Stage]) -> Sequence[Mapping[str, Any]]:
        fault = json.loads(self._storage.read(FAULTS)).get(stages[0].key)
        if fault:
            self._log_event("start", stages)
            getattr(self, f"_{fault}")(stages)
        return super().run(stages)

    def _memory(self, stages: Sequence[Stage]) -> None:  # noqa: ARG002
        used = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
        resource.setrlimit(resource.RLIMIT_AS, (used + 2**28, resource.RLIM_INFINITY))
        bytearray(2**30)

    def _hang(self, stages: Sequence[Stage]) -> None:  # noqa: ARG002
        time.sleep(600)

    def _hang_once(self, stages: Sequence[Stage]) -> None:
        mark = Path(self._storage.path(f"hung-{stages[0].key}"))
        if not mark.exists():
            mark.touch()
            time.sleep(600)

    def _kernel(self, stages: Sequence[Stage]) -> None:  # noqa: ARG002
        counter = Path(self._storage.path(KILLS))
        counter.write_text(str(int(counter.read_text()) + 1))
        os.kill(os.getpid(), signal.SIGKILL)

    def describe_place(self) -> WorkerPlace:
        return replace(super().describe_place(), oom_kills=int(self._storage.read(KILLS)))


def make_undisturbed_rows(plan: Plan, folder: Path) -> dict[str, dict[str, Any]]:
    """The rows of a sweep to which nothing happens, by trial id, without the workers that it would have."""
    store = StageStore(open_storage(folder))
    worker = SimpleNamespace(
        _settings=SimpleNamespace(sweep_id=plan.sweep_id), _store=store, seconds=FaultyWorker.seconds
    )
    records = {key: FaultyWorker._publish(worker, stage) for key, stage in plan.stages.items()}  # type: ignore[arg-type]
    of_sweep = {"sweep_id": plan.sweep_id, "space": plan.space.name}
    found = [make_finished_row(planned.trial, planned.chain, records) | of_sweep for planned in plan.trials]
    return {row["trial_id"]: results_only(row) for row in annotate_rows(found)}


def sweep_with_faults(plan: Plan, folder: Path) -> tuple[int, str]:
    """Run a plan; the exit code, and what was shown."""
    storage = open_storage(folder)
    establish_storage(storage)
    store = SweepStore(storage, plan.sweep_id)
    storage.write(store.path("plan.json"), plan_text(plan))
    timeouts = {"prune": LIMIT, "adversarial_finetune": LIMIT}
    speeds = sleeping._speeds(plan, FaultyWorker.seconds)
    prepared = PreparedSweep(
        plan, storage, store, plan.space.resources, {}, {}, speeds, plan.jobs(()), timeouts=timeouts  # type: ignore[arg-type]
    )  # fmt: skip
    shown = io.StringIO()
    options = LaunchOptions("x", wandb="disabled", cpus=2)
    code = run_sweep(prepared, options, Console(file=shown, width=200), lambda: None, FaultyWorker)
    return code, shown.getvalue()


def test_hanging_stages_and_stages_without_memory_fail_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    plan = sleeping.grid(5, 1, 1, 2)
    stages = {(stage.kind, stage.seed): key for key, stage in plan.stages.items()}
    faults = {
        stages["train", 0]: "memory",
        stages["adversarial_finetune", 1]: "hang",
        stages["prune", 2]: "hang_once",
        stages["prune", 3]: "kernel",
    }
    storage = tmp_path / "faulty"
    storage.mkdir()
    (storage / KILLS).write_text("0")
    (storage / FAULTS).write_text(json.dumps(faults))
    monkeypatch.setattr(node_watch, "count_oom_kills", lambda: int((storage / KILLS).read_text()))
    code, shown = sweep_with_faults(plan, storage)
    assert code == 1
    assert "10 trials, 4 finished, 6 failed" in shown
    found = rows(storage)
    errors = {row["seed"]: row["error"] for row in found}
    assert errors[0] == "out of memory: MemoryError"
    assert errors[1] == f"timed out after {LIMIT:g} s"
    assert errors[3] == "out of memory: KilledForMemoryError: its node's kernel killed its worker"
    assert (errors[2], errors[4]) == (None, None)
    starts = Counter(entry["key"] for entry in executions(storage) if entry["event"] == "start")
    assert starts[stages["train", 0]] == starts[stages["adversarial_finetune", 1]] == starts[stages["prune", 3]] == 2
    assert set(ended(storage).values()) == {1}, "every finished stage ran once"
    expected = make_undisturbed_rows(plan, tmp_path / "undisturbed")
    for row in found:
        if row["status"] == "finished":
            assert results_only(row) == expected[row["trial_id"]]
    facts = collect_facts(open_storage(storage), plan.sweep_id)
    assert (facts["failures"], facts["preemptions"]) == (7, 0)
