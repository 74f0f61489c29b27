"""`status` and `results`."""

import json
from typing import Annotated

import typer

from orchestrator.cli.options import DEFAULT_STORAGE, AddressOption, Format, JsonOption, StorageOption, SweepArgument


def status(
    sweep: Annotated[str | None, typer.Argument(help="The id of a sweep, or the beginning of one.")] = None,
    storage: StorageOption = DEFAULT_STORAGE,
    address: AddressOption = None,
    as_json: JsonOption = False,
) -> None:
    """Show how far sweeps are, from their storage alone; with --address, the jobs of a cluster."""
    if address is not None:
        from orchestrator.cli.jobs import job_table

        typer.echo(job_table(address, sweep, as_json=as_json))
        return
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
    reference: Annotated[bool, typer.Option("--reference", help="The paper's numbers beside the measured.")] = False,
    worst_case: Annotated[bool, typer.Option("--worst-case", help="Robust per image against every attack.")] = False,
    form: Annotated[Format, typer.Option("--format", help="How to print.")] = Format.table,
) -> None:
    """Show the trade-off table of a sweep and its verdicts, its rows as CSV or JSON, or ask DuckDB."""
    from orchestrator.results import answer
    from orchestrator.sweep_store import find_sweep
    from tasks.errors import UsageError
    from tasks.storage import open_storage

    if sum([sql is not None, reference, worst_case]) > 1:
        raise UsageError("--sql, --reference and --worst-case are three questions: ask one at a time")
    found = find_sweep(open_storage(storage), sweep)
    typer.echo(answer(found, form.value, sql=sql, reference=reference, worst_case=worst_case))
