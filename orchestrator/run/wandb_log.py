"""The W&B log of a sweep: of one that runs, and of one that has nothing left to run."""

from __future__ import annotations

from rich.console import Console

from orchestrator.options import LaunchOptions
from orchestrator.plan.prepare import PreparedSweep
from orchestrator.text import say
from orchestrator.tracking.log import WandbLog, has_pending
from tasks.trial.row import Row, make_failed_row


def make_wandb_log(prepared: PreparedSweep, options: LaunchOptions, console: Console) -> WandbLog:
    """Where finished trials become W&B runs."""
    plan = prepared.plan
    classes = {planned.trial_id: plan.data[planned.trial.dataset].classes for planned in plan.trials}

    def list_trials() -> list[Row]:
        return [make_failed_row(planned.trial, planned.chain, "") for planned in plan.trials]

    return WandbLog(
        prepared.sweep,
        options.wandb,
        options.project,
        lambda text: say(console, text),
        lambda key: classes[key],
        list_trials,
        each_trial=has_trial_runs(prepared, options),
    )


def has_trial_runs(prepared: PreparedSweep, options: LaunchOptions) -> bool:
    """Whether each trial becomes a W&B run: a sweep of very many would make a list that nobody can look through."""
    return len(prepared.plan.trials) <= options.wandb_runs


def log_pending_rows(prepared: PreparedSweep, options: LaunchOptions, console: Console) -> None:
    """Write, and online send, the W&B runs that earlier launches did not get to."""
    each_trial = has_trial_runs(prepared, options)
    if not has_pending(prepared.sweep, prepared.finished, options.wandb, each_trial=each_trial):
        return
    rows = list(prepared.finished.values())
    log = make_wandb_log(prepared, options, console)
    log.start()
    for row in rows:
        log.add(row)
    log.close(rows)
