"""The attack that the answers speak of."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from orchestrator.report.analysis.studies import group_studies
from orchestrator.report.analysis.study import Study
from orchestrator.text import make_sort_key
from tests.support.report_data import GRID, made_up


def test_the_headline_attack_has_the_most_iterations(made_study: Study) -> None:
    assert made_study.headline.steps == 10


def test_the_headline_budget_is_the_one_under_which_models_differ_most(tmp_path: Path) -> None:
    def rule(row: dict[str, Any]) -> tuple[float, float]:
        spread = {8: 0.1, 16: 0.6, 32: 0.02}[round(255 * row["attack_eps"])]
        return 0.9, 0.1 + spread * bool(row["lambda"])

    (study,) = group_studies(made_up(tmp_path, {**GRID, "prune": None}, rule=rule, images=False).rows())
    assert (round(255 * (study.headline.eps or 0)), study.headline.steps) == (16, 10)


def test_nothing_comes_first_then_numbers_then_texts() -> None:
    assert sorted(["b", 0.5, None, 2, "a"], key=make_sort_key) == [None, 0.5, 2, "a", "b"]
