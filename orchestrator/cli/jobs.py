"""`logs` and `stop`, and `status` of what runs on a cluster."""

from __future__ import annotations

import json
from dataclasses import asdict
from typing import Annotated

import typer

from orchestrator.cli.options import DEFAULT_STORAGE, AddressOption, StorageOption, SweepArgument


def logs(
    sweep: SweepArgument,
    storage: StorageOption = DEFAULT_STORAGE,
    address: AddressOption = None,
    follow: Annotated[bool, typer.Option("--follow", "-f", help="Go on until the job ends; Ctrl-C leaves it.")] = False,
) -> None:
    """Show what the job of a sweep printed, or the failures that a storage keeps of it."""
    if address is None:
        typer.echo(_read_failures_log(sweep, storage, follow=follow), nl=False)
        return
    from rich.console import Console

    from orchestrator.cluster.address import parse_address
    from orchestrator.remote.follow_job import watch
    from orchestrator.remote.ray_jobs import RayJobs

    place = parse_address(address)
    jobs = RayJobs(place)
    job = jobs.find(sweep)
    if follow:
        raise typer.Exit(watch(jobs, job.id, place, Console()))
    typer.echo(jobs.log(job.id), nl=False)


def _read_failures_log(sweep: str, storage: str, *, follow: bool) -> str:
    from orchestrator.store.sweep_store import find_sweep
    from tasks import paths
    from tasks.errors import UsageError
    from tasks.storage.storage import open_storage

    if follow:
        raise UsageError("--follow: give the --address of the cluster on which the sweep is a job")
    found = find_sweep(open_storage(storage), sweep)
    name = found.path(paths.LOGS, "failures.log")
    if not found.storage.exists(name):
        return f"{found.sweep_id}: no stage failed and no worker was lost\n"
    return found.storage.read(name).decode()


def stop(
    sweep: SweepArgument,
    address: Annotated[str, typer.Option(envvar="ADVSWEEP_ADDRESS", help="The cluster's http://HEAD:8265.")],
) -> None:
    """End the job of a sweep in order; the same launch continues it."""
    from orchestrator.cluster.address import parse_address
    from orchestrator.remote.ray_jobs import RayJobs

    jobs = RayJobs(parse_address(address))
    job = jobs.find(sweep)
    if job.over:
        typer.echo(f"{job.sweep_id}: job {job.id} has ended already: {job.status.lower()}")
        return
    jobs.stop(job.id)
    typer.echo(f"{job.sweep_id}: job {jobs.ended(job.id).id} is stopped; nothing finished is lost")


def render_job_table(address: str, sweep: str | None, *, as_json: bool) -> str:
    """The newest job of each sweep of a cluster, or of one sweep."""
    from orchestrator.cluster.address import parse_address
    from orchestrator.remote.follow_job import describe_age, find_last_line
    from orchestrator.remote.ray_jobs import RayJobs
    from orchestrator.text import format_table

    jobs = RayJobs(parse_address(address))
    found = [jobs.find(sweep)] if sweep else jobs.all()
    if as_json:
        return json.dumps([asdict(job) | {"progress": find_last_line(jobs.log(job.id))} for job in found], indent=1)
    if not found:
        return "no sweeps yet"
    rows = [
        [job.sweep_id, job.status.lower(), describe_age(job), find_last_line(jobs.log(job.id)), job.storage]
        for job in found
    ]
    return format_table(["sweep", "job", "time", "progress", "storage"], rows)
