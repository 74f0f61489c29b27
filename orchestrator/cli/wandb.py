"""`wandb sync` and `wandb report`."""

from typing import Annotated

import typer

from orchestrator.cli.options import SweepArgument
from orchestrator.options import DEFAULT_STORAGE, StorageOption

wandb = typer.Typer(help="The W&B runs and report of a sweep.", no_args_is_help=True, rich_markup_mode=None)


@wandb.command()
def sync(
    sweep: SweepArgument,
    storage: StorageOption = DEFAULT_STORAGE,
    limit: Annotated[float, typer.Option(min=1, help="Seconds that it may take.")] = 600,
) -> None:
    """Send the runs that were written offline and that the server does not have.

    \b
    Example:
      WANDB_API_KEY=... advsweep wandb sync digits
    """
    from orchestrator.store.sweep_store import find_sweep
    from orchestrator.tracking.commands import sync as send
    from tasks.storage.storage import open_storage

    if not send(find_sweep(open_storage(storage), sweep), limit, typer.echo):
        raise typer.Exit(1)


@wandb.command()
def report(
    sweep: SweepArgument,
    storage: StorageOption = DEFAULT_STORAGE,
    project: Annotated[str | None, typer.Option(help="W&B project; default: that of the runs.")] = None,
    entity: Annotated[str | None, typer.Option(help="W&B user or team; default: that of the key.")] = None,
) -> None:
    """Create or update the W&B report of a sweep; without a server, write its specification.

    \b
    Example:
      advsweep wandb report digits --project robust
    """
    from orchestrator.store.sweep_store import find_sweep
    from orchestrator.tracking.reports import report as make
    from tasks.storage.storage import open_storage

    make(find_sweep(open_storage(storage), sweep), project, entity, typer.echo)
