"""`logs`: what the Ray job of a sweep printed, or what went wrong in a sweep."""

from typing import Annotated

import typer

from orchestrator.cli.options import AddressOption, SweepArgument
from orchestrator.options import DEFAULT_STORAGE, StorageOption
from tasks.printable import make_printable


def logs(
    sweep: SweepArgument,
    storage: StorageOption = DEFAULT_STORAGE,
    address: AddressOption = None,
    follow: Annotated[
        bool, typer.Option("--follow", "-f", help="Go on until the Ray job ends; Ctrl-C leaves it.")
    ] = False,
) -> None:
    """Show what the Ray job of a sweep printed, or the failures that a storage keeps of it.

    \b
    Examples:
      advsweep logs digits
      advsweep logs digits --address http://HEAD:8265 --follow
    """
    if address is None:
        typer.echo(make_printable(_read_failures_log(sweep, storage, follow=follow)), nl=False)
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
    typer.echo(make_printable(jobs.log(job.id)), nl=False)


def _read_failures_log(sweep: str, storage: str, *, follow: bool) -> str:
    from orchestrator.store.sweep_store import find_sweep
    from tasks import paths
    from tasks.errors import UsageError
    from tasks.storage.storage import open_storage

    if follow:
        raise UsageError("--follow: give the --address of the cluster on which the sweep is a Ray job")
    found = find_sweep(open_storage(storage), sweep)
    name = found.path(paths.LOGS, "failures.log")
    if not found.storage.exists(name):
        return f"{found.sweep_id}: no stage failed and no worker was lost\n"
    return found.storage.read(name).decode(errors="replace")
