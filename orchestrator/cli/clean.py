"""`clean`: remove what no sweep refers to."""

from collections.abc import Sequence
from dataclasses import asdict
from functools import partial
from typing import TYPE_CHECKING, Annotated

import typer

from orchestrator.cli.options import Printing
from orchestrator.options import DEFAULT_STORAGE, StorageOption

if TYPE_CHECKING:
    from orchestrator.store.clean import Leftover


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
    from orchestrator.store.clean import find_leftovers, list_sweep_folders, remove_again_unreferenced
    from orchestrator.store.identifiers import resolve_id
    from orchestrator.text import format_bytes, format_table
    from tasks.errors import UsageError
    from tasks.storage.storage import open_storage
    from tasks.storage.uri import redact_uri

    opened = open_storage(storage)
    if opened.local and not opened.local.exists():
        raise UsageError(f"--storage {storage}: there is no such folder, and nothing to remove")
    known = list_sweep_folders(opened)  # also those whose plan cannot be read
    forgotten = [resolve_id(name, known, "sweep", f"in {redact_uri(opened.uri)}", whole=True) for name in forget]
    found = find_leftovers(opened, forgotten)
    table = [[item.name, format_bytes(item.size), item.reason] for item in found]
    printing.show(
        [asdict(item) for item in found],
        lambda: format_table(["what", "size", "why"], table) if found else "nothing to remove",
    )
    if printing.choice != "table":
        if yes:
            remove_again_unreferenced(opened, found, forgotten, partial(typer.echo, err=True))
        return
    if found and (yes or typer.confirm(f"remove {_count(found)}?", default=False)):
        removed = remove_again_unreferenced(opened, found, forgotten, partial(typer.echo, err=True))
        kept = len(found) - len(removed)
        typer.echo(
            f"removed {_count(removed)}" + (f"; {kept} are in use since they were shown, and stay" if kept else "")
        )
    elif found:
        typer.echo("nothing was removed")


def _count(found: Sequence["Leftover"]) -> str:
    from orchestrator.text import format_bytes

    return f"{len(found)} {'entry' if len(found) == 1 else 'entries'}, {format_bytes(sum(item.size for item in found))}"
