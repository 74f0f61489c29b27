"""`doctor`: whether this machine, and a cluster, are in order."""

from typing import Annotated

import typer

from orchestrator.options import DEFAULT_STORAGE, DataDirOption, StorageOption


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
