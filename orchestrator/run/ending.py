"""How a sweep ends: what is said, and with which exit code."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence

from rich.console import Console

from orchestrator.options import FINISHED, INTERRUPTED, SOME_FAILED
from orchestrator.plan.prepare import PreparedSweep
from orchestrator.results.image_reader import ImageReader
from orchestrator.results.next_command import name_command
from orchestrator.results.presentation import Selection, render_rows
from orchestrator.run.executor import StageExecutor
from orchestrator.run.sweep import RunningSweep
from orchestrator.text import format_count, say
from tasks.storage.stage_store import StageStore
from tasks.trial.row import Row


def describe_ending(sweep: RunningSweep, executor: StageExecutor | None, interrupted: bool) -> str:
    if interrupted:
        return "interrupted"
    if executor is not None and executor.stopped_by is not None:
        return f"stopped early: {executor.stopped_by}"
    finished, failed = sweep.state.count_trials()
    return f"ended with {finished} finished and {failed} failed trials"


def end_without_head(sweep: RunningSweep, console: Console, reason: str) -> None:
    """Keep what came out, say why it ends here, and end the process: nothing that waits for Ray will return."""
    console.show_cursor()
    sweep.rows.record_all()
    sweep.close(reason, hurried=True)
    code = report_ending(sweep, None, console, interrupted=False)
    say(console, f"{reason}; nothing finished is lost: with a head that answers, the same command continues")
    sys.stdout.flush()
    os._exit(code)


def report_ending(sweep: RunningSweep, executor: StageExecutor | None, console: Console, interrupted: bool) -> int:
    finished, failed = sweep.state.count_trials()
    total = sweep.state.trials
    show_summary(sweep.prepared, list(sweep.state.rows.values()), console)
    say(
        console,
        f"{format_count(total, 'trial')}, {finished} finished, {failed} failed, {total - finished - failed} not run",
    )
    if interrupted:
        say(console, "interrupted: nothing finished is lost, the same command continues")
        return INTERRUPTED
    tracebacks = [f"  tracebacks in {sweep.faults.place}"] if sweep.faults.written else []
    if executor is not None and executor.stopped_by is not None:
        say(console, "\n".join([f"stopped early: {executor.stopped_by}", *tracebacks]))
    elif failed:
        errors = sorted({row["error"] for row in sweep.state.rows.values() if row["status"] == "failed"})
        say(console, "\n".join([*(f"  {error}" for error in errors[:5]), *tracebacks]))
    return SOME_FAILED if failed or finished < total else FINISHED


MOST_LINES = 150
"""Ways to make a model that are shown at the end of a sweep; `advsweep results` shows all."""


def show_summary(prepared: PreparedSweep, rows: Sequence[Row], console: Console) -> None:
    """The table at the end, the same as that of `advsweep results`, and where everything is."""
    read = ImageReader(StageStore(prepared.storage))
    say(console, render_rows(rows, rows, "table", Selection(top=MOST_LINES), read))
    root = prepared.storage.describe_place(prepared.sweep.path())
    say(console, f"\nresults in {root}\n  {name_command('results', prepared.sweep)}")
