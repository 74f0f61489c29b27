"""`clean`: remove what no sweep refers to."""

from collections.abc import Sequence
from dataclasses import asdict
from typing import Annotated

import typer

from orchestrator.cli.options import Printing
from orchestrator.options import DEFAULT_STORAGE, StorageOption


def clean(
    *,
    storage: StorageOption = DEFAULT_STORAGE,
    forget: Annotated[
        Sequence[str], typer.Option(help="The whole id of a sweep that is to go too; may be given often.")
    ] = (),
    yes: Annotated[bool, typer.Option("--yes", help="Remove without asking.")] = False,
    printing: Printing,
) -> None:
    """Show what no sweep refers to and its size, and remove it once confirmed; as CSV or JSON, only with --yes.

    \b
    Examples:
      advsweep clean
      advsweep clean --forget digits-545015c7ed --yes
      advsweep clean --json
    """
    from orchestrator.store.clean import find_leftovers, remove
    from orchestrator.store.sweep_store import find_sweep
    from orchestrator.text import format_bytes, format_table
    from tasks.storage.storage import open_storage

    opened = open_storage(storage)
    found = find_leftovers(opened, [find_sweep(opened, name, whole=True).sweep_id for name in forget])
    table = [[item.name, format_bytes(item.size), item.reason] for item in found]
    printing.show(
        [asdict(item) for item in found],
        lambda: format_table(["what", "size", "why"], table) if found else "nothing to remove",
    )
    if printing.choice != "table":
        if yes:
            remove(opened, found)
        return
    total = f"{len(found)} entries, {format_bytes(sum(item.size for item in found))}"
    if found and (yes or typer.confirm(f"remove {total}?", default=False)):
        remove(opened, found)
        typer.echo(f"removed {total}")
    elif found:
        typer.echo("nothing was removed")
