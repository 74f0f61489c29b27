"""The live display."""

from __future__ import annotations

import io

from rich.console import Console

from orchestrator.status.display import ResizeGuard, format_best

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


def test_what_speaks_against_the_best_so_far_stands_beside_it() -> None:
    facts = {"best": "clean 90.00 %, robust 40.00 % [upper bound]", "best_doubt": "upper bound: add steps: 40"}
    assert format_best(facts) == f"best so far: {facts['best']}; upper bound: add steps: 40"
    assert format_best({"best": None, "best_doubt": None}) == "best so far: -"
