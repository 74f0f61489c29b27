"""`advsweep launch`: load the space, plan it, say what will be done, do what is missing, show what came out."""

from __future__ import annotations

from dataclasses import replace
from functools import partial

from rich.console import Console

from orchestrator.cluster.address import AddressKind, parse_address
from orchestrator.options import FINISHED, LaunchOptions
from orchestrator.plan.fits import check_fits
from orchestrator.plan.plan import make_plan
from orchestrator.plan.prepare import prepare_sweep
from orchestrator.plan.summary import collect_plan_facts, describe_work, format_plan
from orchestrator.space.space import Space, load
from orchestrator.store.storage_lock import hold_to_begin
from orchestrator.text import print_line, say
from orchestrator.tracking.folder import check_project
from tasks.plugins.load import load_plugins
from tasks.storage.stage_store import StageStore
from tasks.storage.storage import open_storage


def launch(options: LaunchOptions, console: Console | None = None) -> int:
    """Run a sweep; returns the exit code.

    :raises UsageError: something about the request, before anything is started or written.
    """
    console = console or Console()
    check_project(options.project)
    for line in load_plugins(options.plugins):
        say(console, line)
    return launch_space(load(options.space, options.overrides, verify=options.verify), options, console)


def launch_space(space: Space, options: LaunchOptions, console: Console) -> int:
    """Run the sweep of a space that is loaded; returns the exit code.

    :raises UsageError: something about the request, before anything is started or written.
    """
    space = space.with_limits(options.timeouts, options.cpus_per_trial, options.gpus_per_trial)
    address = parse_address(options.address)
    if address.remote and not options.dry_run:
        from orchestrator.remote.launch import launch_there

        return launch_there(options, address, space, console)
    plan = make_plan(space, options.data_dir, without_data=options.dry_run)
    storage = open_storage(options.storage)
    check_fits(plan, () if options.fresh else set(StageStore(storage).list_keys()))
    from orchestrator.run.request import check_request

    if options.dry_run:
        here = address.place is AddressKind.private  # a cluster is not asked
        placement = check_request(plan, storage, options, address) if here else None
        print_line(console, "\n".join(format_plan(collect_plan_facts(plan, storage, placement=placement))))
        return FINISHED
    placement = check_request(plan, storage, options, address)
    with hold_to_begin(storage, partial(say, console)) as release:
        prepared = replace(prepare_sweep(plan, storage, console, fresh=options.fresh), resources=placement.resources)
        say(console, describe_work(prepared))
        if placement.words and not prepared.complete:
            say(console, placement.words)
        if prepared.complete:
            from orchestrator.cluster.private_ray import remove_remains
            from orchestrator.run.wandb_log import log_pending_rows

            remove_remains()
            prepared.write_missing_verdicts()
            log_pending_rows(prepared, options, console)
            return FINISHED
        from orchestrator.run.driver import run_sweep

        return run_sweep(prepared, options, console, release)
