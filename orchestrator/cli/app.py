"""All commands."""

from __future__ import annotations

import functools
import gc
import io
import os
import sys
from collections.abc import Callable, Sequence
from typing import Annotated, Any

import typer

from orchestrator.cli.check_plugin import check_plugin
from orchestrator.cli.clean import clean
from orchestrator.cli.compare import compare
from orchestrator.cli.data import data
from orchestrator.cli.doctor import doctor
from orchestrator.cli.errors import report_error
from orchestrator.cli.evaluate import evaluate
from orchestrator.cli.explain import explain
from orchestrator.cli.export import export
from orchestrator.cli.init import init
from orchestrator.cli.launch import launch
from orchestrator.cli.logs import logs
from orchestrator.cli.options import adapt_command
from orchestrator.cli.plan import plan
from orchestrator.cli.plugins import plugins
from orchestrator.cli.report import report
from orchestrator.cli.results import results
from orchestrator.cli.schema import schema
from orchestrator.cli.show import show
from orchestrator.cli.spaces import spaces
from orchestrator.cli.status import status
from orchestrator.cli.stop import stop
from orchestrator.cli.verify import verify
from orchestrator.cli.wandb import wandb
from orchestrator.cli.wrong_usage import WRONG_USAGE, report_wrong_usage
from tasks import __version__
from tasks.temporary import remove_own_folders


def _print_version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"advsweep {__version__}")
        raise typer.Exit


app = typer.Typer(
    name="advsweep",
    help="Distributed sweeps that measure what adversarial robustness costs in clean accuracy.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)


@app.callback()
def _group(
    version: Annotated[
        bool, typer.Option("--version", is_eager=True, callback=_print_version, help="Show the version and exit.")
    ] = False,
) -> None: ...


for command in (
    launch, evaluate, verify, spaces, plan, status, logs, stop, results, report, compare, explain, export, plugins,
    check_plugin, show, schema, init, doctor, clean,
):  # fmt: skip
    app.command()(adapt_command(command))
app.add_typer(data, name="data")
app.add_typer(wandb, name="wandb")


COLLECTED = 50_000, 20, 20
"""How many objects come up before garbage is looked for among them, and how often before it is among older ones.

Python's own 700 make it look a thousand times while libraries are imported, a sixth of what a launch takes to begin.
"""


def main() -> None:
    """Run the command line and end the process.

    Every command has cleaned up after itself by then, so the process ends at once: threads of native libraries (Arrow,
    DuckDB) now and then abort an interpreter that takes itself apart beside them.
    """
    gc.set_threshold(*COLLECTED)
    fill_closed_streams()
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")  # names of files may hold what a terminal cannot show
    code = run()
    try:
        sys.stdout.flush()
        sys.stderr.flush()
    except OSError as error:
        code = code or report_error(error)
    remove_own_folders()
    os._exit(code)


def fill_closed_streams() -> None:
    """Let input and outputs that were closed, as by `advsweep ... >&-`, lead nowhere.

    The next files that are opened would take their numbers, and whatever libraries print would go into them.
    """
    for number, name, mode in ((0, "stdin", "r"), (1, "stdout", "w"), (2, "stderr", "w")):
        try:
            os.fstat(number)
        except OSError:
            os.open(os.devnull, os.O_RDWR)  # takes the lowest number that is free, which is this one
            os.set_inheritable(number, True)
        if getattr(sys, name) is None:
            setattr(sys, name, open(os.devnull, mode))  # noqa: PTH123, SIM115 (until the process ends)


@functools.cache
def build_command() -> Callable[..., Any]:
    """What Typer makes of the commands: once in a process, however many of them it runs."""
    return typer.main.get_command(app)


def run(arguments: Sequence[str] | None = None) -> int:
    """The exit code of a command line; null: that of this process."""
    words = sys.argv[1:] if arguments is None else list(arguments)
    try:
        code = build_command()(args=words, prog_name="advsweep", standalone_mode=False)
    except SystemExit as end:
        return end.code if isinstance(end.code, int) else int(end.code is not None)
    except typer.Abort:
        print("Aborted.", file=sys.stderr)  # noqa: T201
        return 1
    except KeyboardInterrupt:
        print("interrupted", file=sys.stderr)  # noqa: T201
        return 130
    except WRONG_USAGE as error:
        return report_wrong_usage(error, words)
    except Exception as error:
        return report_error(error)
    return code if isinstance(code, int) else 0
