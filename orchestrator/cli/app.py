"""All commands, and the one place where errors become messages and exit codes."""

from __future__ import annotations

import os
import sys

import typer

from orchestrator.cli.keeping import clean, explain
from orchestrator.cli.launching import launch, plan, spaces
from orchestrator.cli.reading import results, status

app = typer.Typer(
    name="advsweep",
    help="Distributed sweeps that measure what adversarial robustness costs in clean accuracy.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)
for command in (launch, spaces, plan, status, results, explain, clean):
    app.command()(command)


def main() -> None:
    """Run the command line; a mistake of the user is one message and exit code 2, never a traceback."""
    from tasks.errors import UsageError

    try:
        app()
    except UsageError as error:
        print(f"error: {error}", file=sys.stderr)  # noqa: T201
        sys.exit(2)
    except KeyboardInterrupt:
        print("interrupted", file=sys.stderr)  # noqa: T201
        sys.exit(130)
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # `advsweep results ... | head`
        sys.exit(0)
