"""`init`: a space to start from."""

import shlex
from pathlib import Path
from typing import Annotated

import typer

from tasks.printable import make_printable


def init(
    file: Annotated[Path, typer.Argument(help="The file to write; it must not exist.")] = Path("space.yaml"),
) -> None:
    """Write a commented search space to start from.

    \b
    Examples:
      advsweep init
      advsweep init pruning.yaml
    """
    from orchestrator.space.template import write_template

    write_template(file)
    place = shlex.quote(str(file))
    typer.echo(
        make_printable(
            f"{file}: edit it, look at it with `advsweep plan --space {place}`, run it with `advsweep launch`"
        )
    )
