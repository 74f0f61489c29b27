"""`status`: how far sweeps are."""

from typing import Annotated

import typer

from orchestrator.cli.options import AddressOption, Printing
from orchestrator.options import DEFAULT_STORAGE, StorageOption


def status(
    sweep: Annotated[str | None, typer.Argument(help="The id of a sweep, or the beginning of one.")] = None,
    *,
    storage: StorageOption = DEFAULT_STORAGE,
    watch: Annotated[bool, typer.Option("--watch", help="Refresh until nothing runs.")] = False,
    address: AddressOption = None,
    printing: Printing,
) -> None:
    """Show how far sweeps are and what runs where, from their storage alone; with --address, the Ray jobs of a cluster.

    \b
    Examples:
      advsweep status
      advsweep status digits --watch
      advsweep status --address http://HEAD:8265
    """
    from tasks.errors import UsageError

    if watch and (address is not None or printing.choice == "csv"):
        raise UsageError("--watch: shows a storage, as a table or as JSON")
    if address is not None:
        from orchestrator.remote.job_table import collect_job_facts, format_job_table

        jobs = collect_job_facts(address, sweep)
        printing.show(jobs, lambda: format_job_table(jobs))
        return
    from orchestrator.status.facts import format_status
    from orchestrator.status.watch import Watch, follow
    from tasks.storage.storage import open_storage

    opened = open_storage(storage)
    if opened.local is not None and not opened.exists(""):
        raise UsageError(f"--storage {storage}: there is no such folder; `advsweep launch` makes one")
    if watch:
        from rich.console import Console

        follow(opened, sweep, Console(), as_json=printing.choice == "json")
        return
    facts = Watch(opened, sweep).look()
    plain = [{name: value for name, value in fact.items() if not isinstance(value, list)} for fact in facts]
    printing.show(facts, lambda: "\n".join(format_status(facts)) or "no sweeps yet", plain)
