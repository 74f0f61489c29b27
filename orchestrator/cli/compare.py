"""`compare`: two trials, image by image."""

from typing import Annotated

import typer

from orchestrator.cli.options import Printing
from orchestrator.options import DEFAULT_STORAGE, StorageOption


def compare(
    first: Annotated[str, typer.Argument(metavar="TRIAL", help="The id of a trial, or the beginning of one.")],
    second: Annotated[str, typer.Argument(metavar="OTHER", help="The id of another.")],
    *,
    storage: StorageOption = DEFAULT_STORAGE,
    printing: Printing,
) -> None:
    """Compare two trials image by image: who is right where the other is not, and could it be chance?

    \b
    Examples:
      advsweep compare 3f0a 77c2
      advsweep compare 3f0a 77c2 --json
    """
    from orchestrator.results.compare_trials import compare_trials, describe_comparison
    from tasks.storage.storage import open_storage

    found = compare_trials(open_storage(storage), first, second)
    printing.show(found, lambda: "\n".join(describe_comparison(found)), found["measures"])
