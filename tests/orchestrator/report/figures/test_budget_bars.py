"""Bars over budgets and over attacks."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from orchestrator.report.analysis.studies import group_studies
from orchestrator.report.analysis.study import Study
from orchestrator.report.analysis.tables import build_study_tables
from orchestrator.report.figures.budget_bars import draw_budget_bars
from tests.support.drawn_marks import read_marks, read_numbers
from tests.support.report_data import WITHOUT_TUNING, made_up


def select(study: Study, **values: Any) -> Study:
    (found,) = group_studies([row for row in study.rows if all(row[name] == value for name, value in values.items())])
    return found


def read_percent(text: str) -> float:
    return float(text.rstrip(" %"))


def test_one_model_has_a_bar_for_each_rate_and_budget(made_study: Study) -> None:
    study = select(made_study, pruning_ratio=0.4, **{"lambda": None})
    figure = draw_budget_bars(study, build_study_tables(study), ("clean_accuracy", "attack_success_rate"))
    assert figure is not None
    (panel,) = figure.panels
    assert panel.title == ""
    marks = read_marks(figure, "bars")
    assert len(marks) == 2 * 3
    for mark in marks:
        budget = mark.says["eps, linf, pixels of [0, 1]"]
        strongest = [row for row in study.rows if row["attack_steps"] == 10]
        rows = [row for row in strongest if f"{round(255 * row['attack_eps'])}/255" == budget]
        assert len(rows) == 3
        means = [100 * sum(row[rate] for row in rows) / 3 for rate in ("clean_accuracy", "attack_success_rate")]
        assert any(read_percent(mark.says["share of images"]) == pytest.approx(mean, abs=0.01) for mean in means)
    along = sorted((mark for mark in marks), key=lambda mark: float(mark.item["x"]))
    order = list(dict.fromkeys(mark.says["eps, linf, pixels of [0, 1]"] for mark in along))
    assert order == ["8/255", "16/255", "32/255"]
    heights = {(round(mark.item["height"], 3)) for mark in marks}
    assert len(heights) > 3, "the bars are as high as the rates"


def test_several_models_have_a_panel_for_each_rate(made_study: Study) -> None:
    study = select(made_study, **{"lambda": None})
    figure = draw_budget_bars(study, build_study_tables(study), ("clean_accuracy", "robust_accuracy"))
    assert figure is not None
    assert [panel.title for panel in figure.panels] == ["clean accuracy", "robust accuracy"]
    for mark in (marks := read_marks(figure, "bars")):
        entry = next(entry for entry in study.measured.values() if entry.configuration.label == mark.says["model"])
        if mark.panel == 0:
            assert read_percent(mark.says["clean accuracy"]) == pytest.approx(100 * entry.mean[0], abs=0.01)
    assert len([mark for mark in marks if mark.panel == 1]) == 2 * 3


def test_attacks_of_several_families_are_named(tmp_path: Path) -> None:
    attacks = [{"name": "fgsm", "eps": {"grid_search": [0, "8/255"]}}, {"name": "jsma"}]
    sweep = made_up(tmp_path, {**WITHOUT_TUNING, "attack": {"grid_search": attacks}}, images=False)
    (study,) = group_studies(sweep.rows())
    figure = draw_budget_bars(study, build_study_tables(study))
    assert figure is not None
    names = {row["attack"] for row in figure.tables["bars"]}
    assert len(names) == 2, "no bar for a budget of nothing"
    assert {name.split(",")[0] for name in names} == {"fgsm", "jsma"}


def test_a_verdict_stands_beside_the_number_of_its_bar(tmp_path: Path) -> None:
    rows = made_up(tmp_path, {**WITHOUT_TUNING, "prune": None}, images=False).rows()
    verdicts = {8: "suspicious", 16: "ok", 32: "upper bound"}
    judged = [{**row, "verdict": verdicts[round(255 * row["attack_eps"])], "verdict_reason": "why not"} for row in rows]
    (study,) = group_studies(judged)
    marks = {}
    for rate in ("robust_accuracy", "attack_success_rate", "clean_accuracy"):
        figure = draw_budget_bars(study, build_study_tables(study), (rate,))
        assert figure is not None
        marks[rate] = [text for text in read_numbers(figure) if not text.endswith("%")]
        says = [mark.says["verdict"] for mark in read_marks(figure, "bars")]
        assert says == (["-"] * 3 if rate == "clean_accuracy" else list(verdicts.values()))
    assert list(marks.values()) == [["!", "", "≤"], ["!", "", "≥"], ["", "", ""]]


def test_no_attack_no_bars(tmp_path: Path) -> None:
    sweep = made_up(tmp_path, {**WITHOUT_TUNING, "attack": {"name": "fgsm", "eps": 0}}, images=False)
    (study,) = group_studies(sweep.rows())
    assert draw_budget_bars(study, build_study_tables(study)) is None
