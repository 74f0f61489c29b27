"""The W&B log of a sweep: where it writes, and what is left of earlier launches."""

from __future__ import annotations

import io
from types import SimpleNamespace
from typing import Any

import pytest
from rich.console import Console

from orchestrator.options import LaunchOptions
from orchestrator.plan.plan import make_plan
from orchestrator.run import wandb_log
from orchestrator.run.wandb_log import has_trial_runs, log_pending_rows, make_wandb_log
from orchestrator.space import space as spaces
from tests.conftest import CONFIG


class Log:
    """What a log is made with and told."""

    made: list[tuple[tuple[Any, ...], dict[str, Any]]] = []  # noqa: RUF012
    done: list[Any] = []  # noqa: RUF012

    def __init__(self, *words: Any, **options: Any) -> None:
        self.made.append((words, options))

    def start(self) -> None:
        self.done.append("start")

    def add(self, row: Any) -> None:
        self.done.append(row)

    def close(self, rows: Any) -> None:
        self.done.append(("close", rows))


@pytest.fixture
def prepared(monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.setattr(wandb_log, "WandbLog", Log)
    monkeypatch.setattr(Log, "made", [])
    monkeypatch.setattr(Log, "done", [])
    plan = make_plan(spaces.build("test", "test", {**CONFIG, "seed": {"grid_search": [0, 1, 2]}}))
    return SimpleNamespace(plan=plan, sweep="sweep", finished={"b": {"trial_id": "b"}, "a": {"trial_id": "a"}})


def test_a_log_knows_the_trials_of_the_plan_and_the_classes_of_their_data(prepared: Any) -> None:
    shown = io.StringIO()
    options = LaunchOptions("test", wandb="online", project="mine", wandb_runs=2)
    make_wandb_log(prepared, options, Console(file=shown))
    (((sweep, mode, project, say, classes, list_trials), more),) = Log.made
    assert (sweep, mode, project, more) == ("sweep", "online", "mine", {"each_trial": False})
    say("a line")
    assert shown.getvalue() == "a line\n"
    trials = prepared.plan.trials
    assert classes(trials[2].trial_id) == tuple("0123456789")
    rows = list_trials()
    assert [(row["trial_id"], row["seed"], row["status"]) for row in rows] == [
        (planned.trial_id, seed, "failed") for seed, planned in enumerate(trials)
    ]


@pytest.mark.parametrize(("most", "runs"), [(2, False), (3, True), (4, True)])
def test_each_trial_has_a_run_up_to_a_number(prepared: Any, most: int, runs: bool) -> None:
    assert has_trial_runs(prepared, LaunchOptions("test", wandb_runs=most)) is runs


@pytest.mark.parametrize("pending", [True, False])
def test_what_earlier_launches_did_not_write_is_written(
    prepared: Any, pending: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[Any] = []

    def ask(*words: Any, **options: Any) -> bool:
        asked.append((*words, options))
        return pending

    monkeypatch.setattr(wandb_log, "has_pending", ask)
    log_pending_rows(prepared, LaunchOptions("test", wandb="disabled", wandb_runs=1), Console(quiet=True))
    assert asked == [("sweep", prepared.finished, "disabled", {"each_trial": False})]
    rows = [{"trial_id": "b"}, {"trial_id": "a"}]
    assert Log.done == (["start", *rows, ("close", rows)] if pending else [])
