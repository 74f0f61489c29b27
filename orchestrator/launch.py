"""`advsweep launch`: plan, say what will be done, do what is missing, show what came out."""

from __future__ import annotations

from dataclasses import replace

from rich.console import Console

from orchestrator.cluster.address import parse_address
from orchestrator.options import FINISHED, LaunchOptions
from orchestrator.plan.plan import make_plan, plan_text
from orchestrator.plan.prepare import PreparedSweep, prepare_sweep
from orchestrator.plan.summary import plan_lines
from orchestrator.space.space import format_resolved, load
from orchestrator.space.timeouts import with_options
from orchestrator.text import say
from orchestrator.tracking.folder import check_project
from tasks import paths
from tasks.storage.storage import establish, open_storage


def launch(options: LaunchOptions, console: Console | None = None) -> int:
    """Run a sweep; returns the exit code.

    :raises UsageError: something about the request, before anything is started or written.
    """
    console = console or Console()
    check_project(options.project)
    space = load(options.space, options.overrides, verify=options.verify)
    timeouts = with_options(space.timeouts, options.timeouts)
    address = parse_address(options.address)
    if address.remote and not options.dry_run:
        from orchestrator.remote.launch import launch_there

        return launch_there(options, address, space, console)
    plan = make_plan(space, options.data_dir)
    resources = space.resources.with_default(options.cpus_per_trial, options.gpus_per_trial)
    storage = open_storage(options.storage)
    if options.dry_run:
        console.print("\n".join(plan_lines(plan, storage)), markup=False, highlight=False)
        return FINISHED
    establish(storage)
    prepared = replace(prepare_sweep(plan, storage, resources, console, fresh=options.fresh), timeouts=timeouts)
    total, finished = len(plan.trials), len(prepared.finished)
    say(console, f"{plan.sweep_id}: {total} trials, {finished} finished, {_describe_work(prepared)}")
    if finished == total and not options.fresh:
        return _finish_without_work(prepared, options, console)
    prepared.sweep.storage.write(prepared.sweep.path(paths.SPACE), format_resolved(space).encode())
    prepared.sweep.storage.write(prepared.sweep.path(paths.PLAN), plan_text(plan))
    from orchestrator.run.driver import run_sweep

    return run_sweep(prepared, options, console)


def _describe_work(prepared: PreparedSweep) -> str:
    if len(prepared.finished) == len(prepared.plan.trials):
        return "nothing to do"
    runs = sum(len(job.stages) for job in prepared.jobs)
    missing = len(prepared.plan.trials) - len(prepared.finished)
    return f"{missing} to do: {runs} stages in {len(prepared.jobs)} runs, {len(prepared.records)} stages reused"


def _finish_without_work(prepared: PreparedSweep, options: LaunchOptions, console: Console) -> int:
    if options.wandb != "disabled":
        from orchestrator.tracking.log import has_pending

        if has_pending(prepared.sweep, prepared.finished, options.wandb):
            from orchestrator.run.driver import log_rows

            log_rows(prepared, options, list(prepared.finished.values()), console)
    return FINISHED
