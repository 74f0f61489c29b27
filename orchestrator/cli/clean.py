"""`clean`: remove what no sweep refers to."""

from collections.abc import Sequence
from typing import Annotated

import typer

from orchestrator.options import DEFAULT_STORAGE, StorageOption


def clean(
    storage: StorageOption = DEFAULT_STORAGE,
    forget: Annotated[
        Sequence[str], typer.Option(help="The whole id of a sweep that is to go too; may be given often.")
    ] = (),
    yes: Annotated[bool, typer.Option("--yes", help="Remove without asking.")] = False,
) -> None:
    """Show what no sweep refers to and its size, and remove it once confirmed."""
    from orchestrator.store.clean import find_leftovers, remove
    from orchestrator.store.sweep_store import find_sweep
    from orchestrator.text import format_bytes, format_table
    from tasks.storage.storage import open_storage

    opened = open_storage(storage)
    found = find_leftovers(opened, [find_sweep(opened, name, whole=True).sweep_id for name in forget])
    if not found:
        typer.echo("nothing to remove")
        return
    typer.echo(
        format_table(["what", "size", "why"], [[item.name, format_bytes(item.size), item.reason] for item in found])
    )
    total = format_bytes(sum(item.size for item in found))
    if not yes and not typer.confirm(f"remove {len(found)} entries, {total}?", default=False):
        typer.echo("nothing was removed")
        return
    remove(opened, found)
    typer.echo(f"removed {len(found)} entries, {total}")
