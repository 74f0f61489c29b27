"""The table of optimality of a report."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from orchestrator.report.analysis.optimality_table import build_optimality_table
from tests.support.report_data import WITHOUT_TUNING, made_up
from tests.support.report_page import page_of

ONE: dict[str, Any] = {"name": "ifgsm", "eps": "16/255", "steps": 10, "examples": 30}
SMALL = {**WITHOUT_TUNING, "seed": 0, "prune": None, "attack": ONE}
SEVERAL = {**SMALL, "attack": {"grid_search": [ONE, {**ONE, "name": "mifgsm"}, {**ONE, "norm": "l2"}]}}


def test_attacks_stand_beside_each_other_where_a_model_met_several_of_one_norm(tmp_path: Path) -> None:
    sweep = made_up(tmp_path / "s", SEVERAL, images=True)
    found = build_optimality_table(sweep, sweep.rows())
    assert found is not None
    assert found.columns[-4:] == ("examples", "success", "median size", "optimality")
    assert "attack" in found.columns
    assert "dataset" not in found.columns, "the same of all"
    place = found.columns.index("attack")
    assert sorted(line[place] for line in found.lines) == ["ifgsm", "ifgsm", "mifgsm"]
    text = page_of([sweep], tmp_path / "out").text
    assert "How near each attack comes to the best" in text


def test_one_attack_alone_is_its_own_best(tmp_path: Path) -> None:
    sweep = made_up(tmp_path / "s", SMALL, images=True)
    assert build_optimality_table(sweep, sweep.rows()) is None
    assert "How near each attack" not in page_of([sweep], tmp_path / "out").text
