"""`doctor`: whether this machine, and a cluster, are in order."""

from dataclasses import asdict
from typing import Annotated

import typer

from orchestrator.cli.options import Printing
from orchestrator.options import DEFAULT_STORAGE, DataDirOption, StorageOption


def doctor(
    *,
    storage: StorageOption = DEFAULT_STORAGE,
    data_dir: DataDirOption = None,
    address: Annotated[
        str | None, typer.Option(envvar="ADVSWEEP_ADDRESS", help="A cluster to look at, as for `launch`.")
    ] = None,
    printing: Printing,
) -> None:
    """Look at what a sweep depends on: packages, processors, disk, storage, and a cluster.

    \b
    Examples:
      advsweep doctor --storage s3://bucket/sweeps
      advsweep doctor --address http://HEAD:8265 --json
    """
    from orchestrator.doctor import examine_machine
    from orchestrator.text import format_table

    found = examine_machine(storage, data_dir, None if address == "local" else address)
    table = [[finding.what, "ok" if finding.fine else "NOT OK", finding.detail] for finding in found]
    printing.show([asdict(finding) for finding in found], lambda: format_table(["what", "", "detail"], table))
    if not all(finding.fine for finding in found):
        raise typer.Exit(1)
