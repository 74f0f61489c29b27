"""All commands, and the one place where errors become messages and exit codes."""

from __future__ import annotations

import os
import sys
import traceback

import typer

from orchestrator.cli.data import data
from orchestrator.cli.jobs import logs, stop
from orchestrator.cli.keeping import clean, doctor, explain, export
from orchestrator.cli.launching import launch, plan, spaces
from orchestrator.cli.reading import results, status
from orchestrator.cli.reporting import compare, report
from orchestrator.cli.tracking import wandb

app = typer.Typer(
    name="advsweep",
    help="Distributed sweeps that measure what adversarial robustness costs in clean accuracy.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)
for command in (
    launch, spaces, plan, status, logs, stop, results, report, compare, explain, export, doctor, clean,
):  # fmt: skip
    app.command()(command)
app.add_typer(data, name="data")
app.add_typer(wandb, name="wandb")


def main() -> None:
    """Run the command line and end the process.

    Every command has cleaned up after itself by then, so the process ends at once: threads of native libraries (Arrow,
    DuckDB) now and then abort an interpreter that takes itself apart beside them.
    """
    code = run()
    try:
        sys.stdout.flush()
        sys.stderr.flush()
    except BrokenPipeError:
        pass  # `advsweep results ... | head`
    os._exit(code)


def run() -> int:
    """The exit code; a mistake of the user is one message and exit code 2, never a traceback."""
    from tasks.errors import StorageError, UsageError

    try:
        app()
    except SystemExit as end:
        return end.code if isinstance(end.code, int) else int(end.code is not None)
    except (StorageError, UsageError) as error:
        print(f"error: {error}", file=sys.stderr)  # noqa: T201
        return 2
    except KeyboardInterrupt:
        print("interrupted", file=sys.stderr)  # noqa: T201
        return 130
    except BrokenPipeError:
        return 0
    except Exception:
        traceback.print_exc()
        return 1
    return 0
