"""Stages that only sleep, so that a sweep shows its own cost and nothing else."""

from __future__ import annotations

import io
import json
import time
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from rich.console import Console

from benchmarks.sleepers import SECONDS, SleepingWorker
from orchestrator.cluster.address import LOCAL
from orchestrator.cluster.connect import connect_cluster
from orchestrator.options import LaunchOptions
from orchestrator.plan.estimates import Speeds, estimate_work
from orchestrator.plan.plan import Plan, make_plan
from orchestrator.plan.prepare import PreparedSweep
from orchestrator.plan.schedule import Schedule, list_schedule
from orchestrator.run.driver import make_executor, run_executor
from orchestrator.run.sweep import make_sweep
from orchestrator.space import space as spaces
from orchestrator.store.sweep_store import SweepStore
from tasks import paths
from tasks.storage.storage import establish_storage, open_storage


def grid(models: int, ratios: int, lambdas: int, attacks: int) -> Plan:
    """A grid whose every cell is an attack of its own: models x ratios x lambdas x attacks trials."""
    optimizer = {"name": "sgd", "lr": 0.1}
    content = {
        "seed": {"grid_search": list(range(models))},
        "dataset": {"name": "digits"},
        "model": {"name": "resnet8"},
        "train": {"epochs": 1, "optimizer": optimizer},
        "prune": {"ratio": {"grid_search": [(i + 1) / (ratios + 1) for i in range(ratios)]}},
        "adversarial_finetune": {
            "epochs": 1,
            "optimizer": optimizer,
            "lambda": {"grid_search": [(i + 1) / (lambdas + 1) for i in range(lambdas)]},
            "attack": {"name": "fgsm", "eps": "8/255"},
        },
        "attack": {"name": "fgsm", "eps": {"grid_search": [(i + 1) / 1000 for i in range(attacks)]}},
    }
    return make_plan(spaces.build("benchmark", "benchmark", content), None)


@dataclass(frozen=True)
class Measured:
    """One sweep."""

    seconds: float
    """Wall time once Ray is up, until the last row is written."""
    executions: Counter[str]
    """How often each stage ran, by the workers' own logs."""


def run(
    plan: Plan, folder: Path, slots: int, worker: type[SleepingWorker] = SleepingWorker, address: str = LOCAL
) -> Measured:
    """Run a plan as `advsweep launch` does."""
    storage = open_storage(folder)
    establish_storage(storage)
    sweep_store = SweepStore(storage, plan.sweep_id)
    speeds = _speeds(plan, worker.seconds)
    prepared = PreparedSweep(plan, storage, sweep_store, plan.space.resources, {}, {}, speeds, plan.jobs(()))
    options = LaunchOptions("benchmark", storage=str(folder), wandb="disabled", max_concurrent=slots, address=address)
    console = Console(file=io.StringIO())
    with connect_cluster(address, slots) as cluster:
        started = time.perf_counter()
        sweep = make_sweep(prepared, options, console)
        run_executor(sweep, make_executor(sweep, options, cluster, worker), cluster, console)
        sweep.rows.close()
        seconds = time.perf_counter() - started
    finished, _ = sweep.state.count_trials()
    assert finished == len(plan.trials), f"{finished} of {len(plan.trials)} trials finished"
    return Measured(seconds, executions(sweep_store))


def _speeds(plan: Plan, seconds: Mapping[str, float]) -> Speeds:
    """Speeds under which every stage is expected to take what it takes."""
    kinds: dict[str, float] = {
        stage.kind: seconds[stage.kind] / estimate_work(stage, plan.data[stage.dataset])
        for stage in plan.stages.values()
    }
    return Speeds({}, kinds)


def ideal(plan: Plan, slots: int) -> Schedule:
    """The list schedule of the distinct stages on so many slots, without any overhead."""
    jobs = plan.jobs(())
    return list_schedule(jobs, {job.id: SECONDS[job.kind] for job in jobs}, slots)


def executions(sweep: SweepStore) -> Counter[str]:
    """Starts of stages by key, as the workers themselves logged them."""
    found: Counter[str] = Counter()
    for name in sweep.storage.list_names(sweep.path(paths.EXECUTIONS)):
        for line in sweep.storage.read(sweep.path(paths.EXECUTIONS, name)).decode().splitlines():
            entry = json.loads(line)
            if entry["event"] == "start":
                found[entry["key"]] += 1
    return found
