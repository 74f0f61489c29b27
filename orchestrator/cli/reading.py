"""`status` and `results`."""

from typing import Annotated

import typer

from orchestrator.cli.options import DEFAULT_STORAGE, AddressOption, Format, JsonOption, StorageOption, SweepArgument


def status(
    sweep: Annotated[str | None, typer.Argument(help="The id of a sweep, or the beginning of one.")] = None,
    storage: StorageOption = DEFAULT_STORAGE,
    watch: Annotated[bool, typer.Option("--watch", help="Refresh until nothing runs.")] = False,
    address: AddressOption = None,
    as_json: JsonOption = False,
) -> None:
    """Show how far sweeps are and what runs where, from their storage alone; with --address, the jobs of a cluster."""
    if address is not None:
        from orchestrator.cli.jobs import render_job_table

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


def results(
    sweep: SweepArgument,
    storage: StorageOption = DEFAULT_STORAGE,
    sql: Annotated[str | None, typer.Option(help="A query over trials, history, examples and stages.")] = None,
    reference: Annotated[bool, typer.Option("--reference", help="The paper's numbers beside the measured.")] = False,
    worst_case: Annotated[bool, typer.Option("--worst-case", help="Robust per image against every attack.")] = False,
    form: Annotated[Format, typer.Option("--format", help="How to print.")] = Format.table,
) -> None:
    """Show the trade-off table of a sweep and its verdicts, its rows as CSV or JSON, or ask DuckDB."""
    from orchestrator.results.query import render_results
    from orchestrator.store.sweep_store import find_sweep
    from tasks.errors import UsageError
    from tasks.storage.storage import open_storage

    if sum([sql is not None, reference, worst_case]) > 1:
        raise UsageError("--sql, --reference and --worst-case are three questions: ask one at a time")
    found = find_sweep(open_storage(storage), sweep)
    typer.echo(render_results(found, form.value, sql=sql, reference=reference, worst_case=worst_case))
