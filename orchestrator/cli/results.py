"""`results`: the numbers of a sweep."""

from collections.abc import Sequence
from typing import Annotated

import typer

from orchestrator.cli.options import Printing, SweepArgument, print_answer
from orchestrator.options import DEFAULT_STORAGE, StorageOption


def results(
    sweep: SweepArgument,
    *,
    storage: StorageOption = DEFAULT_STORAGE,
    where: Annotated[
        Sequence[str],
        typer.Option(metavar="K=V", help="Only trials with this column or setting (= > >= < <=); may be given often."),
    ] = (),
    sort: Annotated[
        str | None, typer.Option(metavar="COLUMN", help="Order of the lines; -COLUMN: the other way round.")
    ] = None,
    top: Annotated[int | None, typer.Option(min=1, help="So many lines.")] = None,
    long: Annotated[
        bool, typer.Option("--long", help="A line for each cell with its trials; as CSV and JSON every trial whole.")
    ] = False,
    sql: Annotated[str | None, typer.Option(help="A query over trials, history, examples and stages.")] = None,
    reference: Annotated[bool, typer.Option("--reference", help="The paper's numbers beside the measured.")] = False,
    worst_case: Annotated[bool, typer.Option("--worst-case", help="Robust per image against every attack.")] = False,
    optimality: Annotated[
        bool, typer.Option("--optimality", help="How near each attack comes to the smallest perturbations known.")
    ] = False,
    printing: Printing,
) -> None:
    """Show clean and robust accuracy of each way to make a model, a column for each budget, with what the checks say.

    \b
    Examples:
      advsweep results digits --sort 16/255 --top 5
      advsweep results digits --where lambda=0.9 --where 'attack_eps>8/255' --long
      advsweep results digits --worst-case --format csv
      advsweep results digits --optimality --where lambda=0.9
      advsweep results digits --sql "SELECT attack, avg(robust_accuracy) FROM trials GROUP BY attack"
    """
    from orchestrator.results.presentation import Selection, render_results
    from orchestrator.store.sweep_store import find_sweep
    from tasks.storage.storage import open_storage

    found = find_sweep(open_storage(storage), sweep)
    selection = Selection(tuple(where), sort, top, long)
    text = render_results(
        found,
        printing.choice,
        sql=sql,
        reference=reference,
        worst_case=worst_case,
        optimality=optimality,
        selection=selection,
    )
    print_answer(text)
