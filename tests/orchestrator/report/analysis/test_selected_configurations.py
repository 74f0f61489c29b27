"""The few configurations that a report looks at closely."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from orchestrator.report.analysis.selected_configurations import (
    choose_by_minimum,
    find_baseline,
    find_compromise,
    find_next_compromise,
    select_configurations,
)
from orchestrator.report.analysis.studies import group_studies
from orchestrator.report.analysis.study import Study
from tests.support.report_data import GRID, made_up

CONTENT = {**GRID, "attack": {**GRID["attack"], "steps": 10, "eps": {"grid_search": ["8/255", "16/255"]}}}


def crossing(row: dict[str, Any]) -> tuple[float, float]:
    """Under the weak attack lambda 0.5 is best, under the strong one lambda 0.9; the strong one tells more apart."""
    weak = round(255 * row["attack_eps"]) == 8
    if row["lambda"] == 0.9:
        return 0.85, 0.7 if weak else 0.6
    if row["lambda"] == 0.5:
        return 0.9, 0.8 if weak else 0.2
    return (0.975 if row["pruning_ratio"] else 0.95), 0.6 if weak else 0.0


def make_study(tmp_path: Path) -> Study:
    (study,) = group_studies(made_up(tmp_path, CONTENT, rule=crossing, images=False).rows())
    return study


def test_the_compromise_is_the_best_under_the_headline_attack_not_under_a_weaker_one(tmp_path: Path) -> None:
    study = make_study(tmp_path)
    assert round(255 * (study.headline.eps or 0)) == 16
    assert find_compromise(study).rows[0]["lambda"] == 0.9
    assert {choice.best.rows[0]["lambda"] for choice in choose_by_minimum(study)} == {None, 0.5, 0.9}


def test_the_baseline_has_neither_defence_nor_pruning(tmp_path: Path) -> None:
    row = find_baseline(make_study(tmp_path)).rows[0]
    assert (row["lambda"], row["pruning_ratio"]) == (None, 0.0), "though the pruned model is more accurate"


def test_the_baseline_stands_behind_no_transformations(tmp_path: Path) -> None:
    """Though what is behind them is as accurate or more, and though the bare model is pruned where nothing else is."""
    behind = {"grid_search": [None, {"transformations": [{"name": "bit_depth", "bits": 2}]}]}
    content = {**GRID, "adversarial_finetune": None, "inference": behind}

    def rule(row: dict[str, Any]) -> tuple[float, float]:
        return 0.95 if row["transformations"] else 0.9, 0.5

    rows = made_up(tmp_path, content, rule=rule, images=False).rows()
    (study,) = group_studies(rows)
    (pruned,) = group_studies([row for row in rows if row["transformations"] or row["pruning_ratio"]])
    found = [find_baseline(each).rows[0] for each in (study, pruned)]
    assert [(row["transformations"], row["pruning_ratio"]) for row in found] == [(None, 0.0), (None, 0.4)]


def hardening(row: dict[str, Any]) -> tuple[float, float]:
    """One defence is the most accurate of all, another the most robust at a high price."""
    return (0.5, 0.6) if row["lambda"] == 0.9 else (0.975, 0.4) if row["lambda"] else (0.95, 0.0)


def test_the_next_compromise_is_the_second_by_the_same_rule(tmp_path: Path) -> None:
    def rule(row: dict[str, Any]) -> tuple[float, float]:
        """Means of 0.75, 0.7 and 0.5: the second is neither the most accurate nor the most robust of the others."""
        best = row["lambda"] == 0.5 and row["eps_train"] > 0.05
        if row["lambda"]:
            return (0.9, 0.6) if best else (0.8, 0.6) if row["lambda"] == 0.9 else (0.3, 0.7)
        return 0.95, 0.05

    (study,) = group_studies(made_up(tmp_path, {**GRID, "prune": None}, rule=rule, images=False).rows())
    second = find_next_compromise(study)
    assert find_compromise(study).rows[0]["lambda"] == 0.5
    assert second is not None
    assert second.rows[0]["lambda"] == 0.9


def test_the_most_accurate_may_be_defended_and_the_most_robust_too_costly(tmp_path: Path) -> None:
    (study,) = group_studies(made_up(tmp_path, {**GRID, "prune": None}, rule=hardening, images=False).rows())
    assert find_baseline(study).rows[0]["lambda"] is None
    assert find_compromise(study).rows[0]["lambda"] == 0.5


def test_baseline_and_compromise_come_first_and_none_comes_twice(tmp_path: Path) -> None:
    study = make_study(tmp_path)
    found = select_configurations(study)
    assert found[:2] == [find_baseline(study).configuration, find_compromise(study).configuration]
    assert len({configuration.key for configuration in found}) == len(found) <= 4
