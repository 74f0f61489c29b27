"""`status`: how far sweeps are."""

from typing import Annotated

import typer

from orchestrator.cli.options import AddressOption, JsonOption
from orchestrator.options import DEFAULT_STORAGE, StorageOption


def status(
    sweep: Annotated[str | None, typer.Argument(help="The id of a sweep, or the beginning of one.")] = None,
    storage: StorageOption = DEFAULT_STORAGE,
    watch: Annotated[bool, typer.Option("--watch", help="Refresh until nothing runs.")] = False,
    address: AddressOption = None,
    as_json: JsonOption = False,
) -> None:
    """Show how far sweeps are and what runs where, from their storage alone; with --address, the jobs of a cluster."""
    if address is not None:
        from orchestrator.remote.job_table import render_job_table

        typer.echo(render_job_table(address, sweep, as_json=as_json))
        return
    from rich.console import Console

    from orchestrator.status.watch import follow, show_once
    from tasks.storage.storage import open_storage

    opened = open_storage(storage)
    if watch:
        follow(opened, sweep, Console(), as_json=as_json)
    else:
        typer.echo(show_once(opened, sweep, as_json=as_json))
