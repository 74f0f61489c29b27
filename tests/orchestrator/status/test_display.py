"""The live display."""

from __future__ import annotations

import io

from rich.console import Console

from orchestrator.status.display import ResizeGuard, format_best, format_eta, format_running

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
