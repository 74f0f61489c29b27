"""The live display."""

from __future__ import annotations

import io
from typing import Any

import pytest
from rich.console import Console

from orchestrator.status import display
from orchestrator.status.display import (
    ResizeGuard,
    build_panel,
    format_best,
    format_eta,
    format_headline,
    format_running,
)

CLEAR = "\x1b[2J"


def test_a_terminal_of_another_width_is_cleared_once() -> None:
    """Its lines are broken anew: what the display has drawn is not where it would draw over it."""
    screen = io.StringIO()
    console = Console(file=screen, force_terminal=True, width=100, legacy_windows=False)
    guard = ResizeGuard(console)
    guard.clear_if_resized()
    assert CLEAR not in screen.getvalue()
    console.width = 50
    guard.clear_if_resized()
    guard.clear_if_resized()
    assert screen.getvalue().count(CLEAR) == 1


def test_an_eta_says_whether_it_is_the_least() -> None:
    assert format_eta({"eta_seconds": None}) is None
    assert format_eta({"eta_seconds": 90.0}) == "ETA 1 min 30 s", "of a driver of an earlier version"
    assert format_eta({"eta_seconds": 90.0, "eta_is_least": True}) == "ETA at least 1 min 30 s"


def test_a_line_names_two_of_what_runs_and_counts_the_others() -> None:
    stage = {"stage": "train", "model": "resnet8", "seed": 1, "key": "ab" * 32, "where": "", "seconds": 9.0}
    known = {**stage, "what": "lambda 0.9", "epoch": 2, "epochs": 5}
    assert format_running({"running": [known, stage]}) == (
        "runs train resnet8 seed 1, lambda 0.9 epoch 2/5 for 9 s, train resnet8 seed 1 for 9 s"
    )
    assert format_running({"running": [stage] * 5}).endswith(", and 3 more")
    assert format_running({"running": []}) == "nothing runs now"


def test_what_speaks_against_the_best_so_far_stands_beside_it() -> None:
    facts = {"best": "clean 90.00 %, robust 40.00 % [upper bound]", "best_doubt": "upper bound: add steps: 40"}
    assert format_best(facts) == f"best so far: {facts['best']}; upper bound: add steps: 40"
    assert format_best({"best": None, "best_doubt": None}) == "best so far: -"


COUNTS: dict[str, Any] = {
    "trials": 9, "finished": 2, "jobs": 40, "jobs_done": 10, "reused": 3, "failed": 0, "failures": 0, "preemptions": 0,
    "eta_seconds": None, "best": "a model", "best_doubt": None,
}  # fmt: skip


def run(key: str, **more: Any) -> dict[str, Any]:
    return {"stage": "train", "model": "resnet8", "seed": 4, "what": "lambda 0.5", "epoch": 2, "epochs": 7,
            "key": key * 12, "where": "node7 pid 42", "seconds": 30.0} | more  # fmt: skip


def test_the_headline_names_only_the_troubles_that_there_are() -> None:
    assert format_headline(COUNTS) == "trials 2/9, jobs 10/40, reused 3, ETA -"
    troubled = {**COUNTS, "failed": 1, "failures": 4, "preemptions": 5, "eta_seconds": 90.0}
    assert format_headline(troubled) == (
        "trials 2/9, jobs 10/40, reused 3, failed 1, failures 4, preemptions 5, ETA 1 min 30 s"
    )


def test_a_panel_lists_what_runs_up_to_a_number(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(display, "MOST_RUNNING", 3)
    running = [run("a"), run("b", what="", epoch=None), run("c", epochs=None, where="x\x1b"), run("d"), run("e")]
    sink = io.StringIO()
    console = Console(file=sink, width=120)
    console.print(build_panel({**COUNTS, "running": running}, older=15.0))
    headline, bar, *lines, best = sink.getvalue().splitlines()
    assert (headline.rstrip(), best.rstrip()) == (format_headline(COUNTS), "best so far: a model")
    assert len(bar.rstrip()) == 10, "a quarter of forty is done"
    assert [line.rstrip() for line in lines] == [
        "  train       resnet8 seed 4, lambda 0.5  epoch 2/7  aaaaaaaa  node7 pid 42  45 s",
        "  train       resnet8 seed 4              epoch 0/7  bbbbbbbb  node7 pid 42  45 s",
        "  train       resnet8 seed 4, lambda 0.5             cccccccc  x\\x1b         45 s",
        "  and 2 more",
    ]
    sink.truncate(0)
    console.print(build_panel({**COUNTS, "running": running[:3]}))
    assert "more" not in sink.getvalue()
