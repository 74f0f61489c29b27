"""Run a prepared sweep: the executor in one thread, Ray Tune in the main one, rows and W&B on the way."""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from functools import partial

from rich.console import Console

from orchestrator.cluster.address import LOCAL
from orchestrator.cluster.capacity import check_fits
from orchestrator.cluster.connect import Cluster, connect_cluster
from orchestrator.cluster.head_watch import watch_head
from orchestrator.cluster.machine import find_memory_shortage
from orchestrator.cluster.placement import Supply, place_stages
from orchestrator.cluster.survey import check_nodes, collect_versions, find_growth, list_shapes, survey
from orchestrator.options import LaunchOptions
from orchestrator.plan.prepare import PreparedSweep
from orchestrator.run import progress
from orchestrator.run.ending import describe_ending, end_without_head, report_ending
from orchestrator.run.executor import StageExecutor
from orchestrator.run.job_graph import JobGraph
from orchestrator.run.retry_policy import RetryPolicy
from orchestrator.run.sweep import RunningSweep, make_sweep
from orchestrator.run.tune_grid import run_grid
from orchestrator.run.worker import StageWorker, WorkerSettings
from orchestrator.run.worker_pool import WorkerPool
from orchestrator.text import say
from tasks.plugins.bundle import pack_plugins
from tasks.storage.storage import establish_storage

MOST_WORKERS = 4096
"""On a cluster that grows by itself nothing else limits the actors that are asked for."""
WARM_UP = 15.0
"""Seconds that the coordinators wait for the first workers to come up; on two cores they would only slow them."""


def run_sweep(
    prepared: PreparedSweep,
    options: LaunchOptions,
    console: Console,
    release: Callable[[], None],
    worker: type[StageWorker] = StageWorker,
) -> int:
    """Run what is missing, if anything is, and make the rows; returns the exit code.

    :param release: called once the plan and the first sign of life are in the storage, where everybody sees them.
    :param worker: what runs the stages; a benchmark puts one that only sleeps in its place.
    """
    if options.address == LOCAL or not prepared.jobs:
        establish_storage(prepared.storage)
    sweep = make_sweep(prepared, options, console)
    executor: StageExecutor | None = None
    cluster: Cluster | None = None
    begun = interrupted = False
    try:
        with _handle_interrupts(), ExitStack() as stack:
            if prepared.jobs:
                with progress.report_waiting(console, "Ray is being started"):
                    cluster = stack.enter_context(connect_cluster(options.address, options.cpus, options.gpus))
                if options.address != LOCAL:
                    prepared = place_on_cluster(prepared, options, console)
                    sweep = replace(sweep, prepared=prepared)
            prepared.write_plan()
            sweep.heartbeat.start()
            begun = True
            release()
            if cluster is None:  # other sweeps have made every stage, and rows need no Ray
                sweep.connect_wandb()
                sweep.rows.record_all()
            else:
                with watch_head(partial(end_without_head, sweep, console)):
                    executor = make_executor(sweep, options, cluster, worker)
                    run_executor(sweep, executor, cluster, console)
    except KeyboardInterrupt:
        interrupted = True
    finally:
        if begun:
            with progress.report_waiting(console, "rows, verdicts and W&B are being finished"):
                sweep.close(describe_ending(sweep, executor, interrupted), hurried=interrupted)
    return report_ending(sweep, executor, console, interrupted)


def make_executor(
    sweep: RunningSweep, options: LaunchOptions, cluster: Cluster, worker: type[StageWorker]
) -> StageExecutor:
    prepared = sweep.prepared
    graph = JobGraph(prepared.jobs, prepared.priorities, prepared.records)
    data_dir = options.data_dir.absolute() if options.data_dir else None
    driver = None if options.address == LOCAL else collect_versions()
    settings = WorkerSettings(
        prepared.storage.uri,
        prepared.plan.sweep_id,
        data_dir,
        fresh=options.fresh,
        versions=driver,
        board=sweep.board.name,
        plugins=pack_plugins(),
    )
    largest = options.max_concurrent or count_slots(prepared, options, cluster)
    here = {"find_shortage": find_memory_shortage} if options.address == LOCAL else {}
    pool = WorkerPool(settings, largest, worker, **here)
    policy = RetryPolicy(options.max_failures, options.max_preemptions, timeouts=prepared.timeouts)
    return StageExecutor(graph, pool, prepared.resources, sweep, policy, eager=options.address == LOCAL)


def place_on_cluster(prepared: PreparedSweep, options: LaunchOptions, console: Console) -> PreparedSweep:
    """Choose what each kind of stage holds by what the cluster has, and say it.

    :raises UsageError: a request fits nowhere, or a node differs from this process or does not see the storage.
    """
    kinds = list(dict.fromkeys(job.kind for job in prepared.jobs))
    supply = Supply(list_shapes(), find_growth())
    placement = place_stages(prepared.resources, kinds, options.device, supply)
    check_fits({kind: placement.resources.of(kind) for kind in kinds}, supply.nodes, supply.growth)
    establish_storage(prepared.storage)  # not before: nothing is written, a file to look for included
    check_nodes(survey(prepared.storage, options.data_dir), prepared.storage, options.data_dir)
    if placement.words:
        say(console, placement.words)
    return replace(prepared, resources=placement.resources)


def count_slots(prepared: PreparedSweep, options: LaunchOptions, cluster: Cluster) -> int:
    """Actors that fit on this machine at once; on a cluster, which may grow, as many as there is work for."""
    if options.address != LOCAL:
        return MOST_WORKERS
    smallest = min(prepared.resources.of(job.kind).cpus for job in prepared.jobs)
    return max(1, int(cluster.cpus / smallest))


def run_executor(sweep: RunningSweep, executor: StageExecutor, cluster: Cluster, console: Console) -> None:
    executor.dispatch()  # before anything else, so that the processes Ray has warm become workers
    chains = order_trials(sweep.prepared, max(1, int(cluster.cpus)))
    errors: list[BaseException] = []

    def run() -> None:
        try:
            executor.run()
        except BaseException as error:
            errors.append(error)
        finally:
            sweep.board.close()

    thread = threading.Thread(target=run, name="executor", daemon=True)
    with (
        progress.show_progress(sweep.state, console),
        sweep.board.open(chains, sweep.prepared.records) as board,
    ):
        thread.start()
        executor.workers_up.wait(WARM_UP)
        sweep.connect_wandb()
        try:
            folder = cluster.scratch / "tune"
            on_trial, workers = sweep.rows.record_trial, executor.most_workers
            run_grid(list(chains), board, folder, on_trial, lambda: not thread.is_alive(), workers)
            while thread.is_alive():  # Tune has lost its coordinators; rows are made without them
                thread.join(timeout=1)
                sweep.rows.record_all()
        finally:
            executor.stop()
            thread.join(timeout=10)
            executor.close()
    sweep.rows.record_all()  # whatever Tune has not reported
    if errors:
        raise errors[0]


def order_trials(prepared: PreparedSweep, slots: int) -> dict[str, list[str]]:
    """The trials that are to run and the keys of their stages, by when their last stage is expected to end.

    :param slots: stages that run at the same time.
    """
    ends = prepared.schedule(slots).finished_at
    waiting = [planned for planned in prepared.plan.trials if planned.trial_id not in prepared.finished]
    waiting.sort(key=lambda planned: ends.get(planned.chain[-1].key, 0.0))
    return {planned.trial_id: [stage.key for stage in planned.chain] for planned in waiting}


@contextmanager
def _handle_interrupts() -> Iterator[None]:
    """Ctrl-C and SIGTERM end the sweep in order, once; a second Ctrl-C changes nothing.

    Only the main thread hears signals: a sweep that another thread of a program has started goes on to its end.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return

    def interrupt(signum: int, frame: object) -> None:  # noqa: ARG001
        for name in (signal.SIGINT, signal.SIGTERM):
            signal.signal(name, signal.SIG_IGN)
        raise KeyboardInterrupt

    before = {name: signal.signal(name, interrupt) for name in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    finally:
        for name, handler in before.items():
            signal.signal(name, handler)
