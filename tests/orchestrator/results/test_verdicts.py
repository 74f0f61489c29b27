"""Verdicts stand in the rows, and beside the numbers that they concern."""

from __future__ import annotations

import json

from orchestrator.results.checks.verdict import OK, SUSPICIOUS
from orchestrator.results.tradeoff import render_tradeoff
from orchestrator.results.verdicts import annotate_rows
from tests.support.rows import ifgsm


def test_verdicts_stand_in_the_rows_and_beside_the_numbers() -> None:
    rows = annotate_rows([ifgsm("8/255", 10, 400), ifgsm("8/255", 20, 200), ifgsm("2/255", 20, 900)])
    by_steps = {(entry["attack_eps"], entry["attack_steps"]): entry for entry in rows}
    assert by_steps[8 / 255, 20]["verdict"] == SUSPICIOUS
    assert by_steps[2 / 255, 20]["verdict"] == OK
    assert json.loads(by_steps[8 / 255, 20]["verdicts"])["converged in steps"] == SUSPICIOUS
    assert "suspicious" in render_tradeoff(rows)
