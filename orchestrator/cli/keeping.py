"""`explain` and `clean`."""

import json
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from orchestrator.cli.options import DEFAULT_STORAGE, DataDirOption, JsonOption, StorageOption


def explain(
    trial: Annotated[str, typer.Argument(help="The id of a trial, or the beginning of one.")],
    storage: StorageOption = DEFAULT_STORAGE,
    as_json: JsonOption = False,
) -> None:
    """Say for each stage of a trial whether it was reused and from where, or why it has to run."""
    from orchestrator.results.explain import explain_trial as explained
    from orchestrator.text import format_table
    from tasks.storage.storage import open_storage

    found = explained(open_storage(storage), trial)
    if as_json:
        typer.echo(json.dumps([asdict(line) for line in found], indent=1))
        return
    typer.echo(format_table(["stage", "key", "why"], [[line.kind, line.key[:12], line.reason] for line in found]))


def clean(
    storage: StorageOption = DEFAULT_STORAGE,
    forget: Annotated[list[str] | None, typer.Option(help="A sweep that is to go too; may be given often.")] = None,
    yes: Annotated[bool, typer.Option("--yes", help="Remove without asking.")] = False,
) -> None:
    """Show what no sweep refers to and its size, and remove it once confirmed."""
    from orchestrator.store.clean import find_leftovers, format_bytes, remove
    from orchestrator.store.sweep_store import find_sweep
    from orchestrator.text import format_table
    from tasks.storage.storage import open_storage

    opened = open_storage(storage)
    found = find_leftovers(opened, [find_sweep(opened, name).sweep_id for name in forget or ()])
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


def export(
    trial: Annotated[str, typer.Argument(help="The id of a trial, or the beginning of one.")],
    out: Annotated[Path, typer.Option(help="Folder that is made.")],
    storage: StorageOption = DEFAULT_STORAGE,
    data_dir: DataDirOption = None,
) -> None:
    """Write the model of a trial so that plain torch loads it: weights, code, preprocessing, an example."""
    from orchestrator.results.export import export_trial
    from tasks.storage.storage import open_storage

    typer.echo(f"{export_trial(open_storage(storage), trial, out, data_dir)}: run `python {out / 'example.py'}`")


def doctor(
    storage: StorageOption = DEFAULT_STORAGE,
    data_dir: DataDirOption = None,
    address: Annotated[
        str | None, typer.Option(envvar="ADVSWEEP_ADDRESS", help="A cluster to look at, as for `launch`.")
    ] = None,
) -> None:
    """Look at what a sweep depends on: packages, processors, disk, storage, and a cluster."""
    from orchestrator.doctor import examine_machine
    from orchestrator.text import format_table

    found = examine_machine(storage, data_dir, None if address == "local" else address)
    typer.echo(format_table(["what", "", "detail"], [[f.what, "ok" if f.fine else "NOT OK", f.detail] for f in found]))
    if not all(finding.fine for finding in found):
        raise typer.Exit(1)
