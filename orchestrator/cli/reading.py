"""`status` and `results`."""

import json
from typing import Annotated

import typer

from orchestrator.cli.options import DEFAULT_STORAGE, Format, JsonOption, StorageOption, SweepArgument


def status(
    sweep: Annotated[str | None, typer.Argument(help="The id of a sweep, or the beginning of one.")] = None,
    storage: StorageOption = DEFAULT_STORAGE,
    as_json: JsonOption = False,
) -> None:
    """Show how far sweeps are, from their storage alone."""
    from orchestrator.status import status_facts, status_lines
    from orchestrator.sweep_store import find_sweep, sweep_ids
    from tasks.storage import open_storage

    opened = open_storage(storage)
    names = [find_sweep(opened, sweep).sweep_id] if sweep else sweep_ids(opened)
    facts = [status_facts(opened, name) for name in names]
    typer.echo(json.dumps(facts, indent=1) if as_json else "\n".join(status_lines(facts)) or "no sweeps yet")


def results(
    sweep: SweepArgument,
    storage: StorageOption = DEFAULT_STORAGE,
    sql: Annotated[str | None, typer.Option(help="A query over trials, history, examples and stages.")] = None,
    form: Annotated[Format, typer.Option("--format", help="How to print.")] = Format.table,
) -> None:
    """Show the trade-off table of a sweep, its rows as CSV or JSON, or ask DuckDB."""
    from orchestrator.results import ask, rows_of
    from orchestrator.sweep_store import find_sweep
    from orchestrator.tables import rendered
    from orchestrator.tradeoff import tradeoff_table
    from tasks.schema import TRIALS
    from tasks.storage import open_storage

    found = find_sweep(open_storage(storage), sweep)
    if sql is not None:
        columns, rows = ask(found, sql)
    elif form is Format.table:
        typer.echo(tradeoff_table(found.rows()))
        return
    else:
        columns, rows = TRIALS.names, rows_of(found)
    typer.echo(rendered(columns, rows, form.value))
