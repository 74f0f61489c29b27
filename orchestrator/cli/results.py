"""`results`: the numbers of a sweep."""

from typing import Annotated

import typer

from orchestrator.cli.options import Printing, SweepArgument
from orchestrator.options import DEFAULT_STORAGE, StorageOption


def results(
    sweep: SweepArgument,
    *,
    storage: StorageOption = DEFAULT_STORAGE,
    sql: Annotated[str | None, typer.Option(help="A query over trials, history, examples and stages.")] = None,
    reference: Annotated[bool, typer.Option("--reference", help="The paper's numbers beside the measured.")] = False,
    worst_case: Annotated[bool, typer.Option("--worst-case", help="Robust per image against every attack.")] = False,
    printing: Printing,
) -> None:
    """Show the trade-off table of a sweep and its verdicts, its rows as CSV or JSON, or ask DuckDB.

    \b
    Examples:
      advsweep results digits
      advsweep results digits --worst-case --format csv
      advsweep results digits --sql "SELECT attack, avg(robust_accuracy) FROM trials GROUP BY attack"
    """
    from orchestrator.results.query import render_results
    from orchestrator.store.sweep_store import find_sweep
    from tasks.errors import UsageError
    from tasks.storage.storage import open_storage

    if sum([sql is not None, reference, worst_case]) > 1:
        raise UsageError("--sql, --reference and --worst-case are three questions: ask one at a time")
    found = find_sweep(open_storage(storage), sweep)
    typer.echo(render_results(found, printing.choice, sql=sql, reference=reference, worst_case=worst_case))
