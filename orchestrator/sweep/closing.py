"""How a sweep ends: what is said, and with which exit code."""

from __future__ import annotations

import os
import sys

from rich.console import Console

from orchestrator.launch import FINISHED, INTERRUPTED, SOME_FAILED, say, summary
from orchestrator.sweep.course import Sweep
from orchestrator.sweep.executor import StageExecutor


def how_it_ended(sweep: Sweep, executor: StageExecutor | None, interrupted: bool) -> str:
    if interrupted:
        return "interrupted"
    if executor is not None and executor.stopped_by is not None:
        return f"stopped early: {executor.stopped_by}"
    finished, failed = sweep.state.counts()
    return f"ended with {finished} finished and {failed} failed trials"


def end_without_head(sweep: Sweep, console: Console, reason: str) -> None:
    """Keep what came out, say why it ends here, and end the process: nothing that waits for Ray will return."""
    console.show_cursor()
    for trial_id in sweep.trials:
        sweep.trial_ended(trial_id)
    sweep.close(reason, hurried=True)
    code = closing(sweep, None, console, interrupted=False)
    say(console, f"{reason}; nothing finished is lost: with a head that answers, the same command continues")
    sys.stdout.flush()
    os._exit(code)


def closing(sweep: Sweep, executor: StageExecutor | None, console: Console, interrupted: bool) -> int:
    finished, failed = sweep.state.counts()
    total = len(sweep.trials)
    summary(sweep.prepared, list(sweep.state.rows.values()), console)
    say(console, f"{total} trials, {finished} finished, {failed} failed, {total - finished - failed} not run")
    if interrupted:
        say(console, "interrupted: nothing finished is lost, the same command continues")
        return INTERRUPTED
    log = sweep.prepared.storage.place(sweep.failures_log)
    if executor is not None and executor.stopped_by is not None:
        say(console, f"stopped early: {executor.stopped_by}\n  traceback in {log}")
    elif failed:
        errors = sorted({row["error"] for row in sweep.state.rows.values() if row["status"] == "failed"})
        say(console, "\n".join([*(f"  {error}" for error in errors[:5]), f"  tracebacks in {log}"]))
    return SOME_FAILED if failed or finished < total else FINISHED
