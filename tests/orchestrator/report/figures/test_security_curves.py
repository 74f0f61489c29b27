"""Robust accuracy over the budget."""

from __future__ import annotations

from pathlib import Path

import pytest

from orchestrator.report.analysis.attack_families import compute_security_curves, list_families
from orchestrator.report.analysis.studies import group_studies
from orchestrator.report.analysis.study import Study
from orchestrator.report.analysis.tables import StudyTables, build_study_tables
from orchestrator.report.figures.security_curves import MOST_CURVES, draw_security_curves
from tests.support.drawn_marks import Mark, read_marks
from tests.support.report_data import GRID, WITHOUT_TUNING, made_up


def draw_points(study: Study) -> dict[tuple[str, int], float]:
    """Label of the line and budget in 255ths -> robust accuracy as it is drawn."""
    figure = draw_security_curves(study, build_study_tables(study))
    assert figure is not None
    return {(mark.says["models"], read_budget(mark)): read_rate(mark) for mark in read_marks(figure, "points")}


def read_budget(mark: Mark) -> int:
    return round(255 * float(mark.says["eps"]))


def read_rate(mark: Mark) -> float:
    return float(mark.says["robust accuracy"].removesuffix("%")) / 100


def test_a_line_is_the_mean_over_seeds_at_the_most_iterations(made_study: Study) -> None:
    curves = compute_security_curves(made_study, list_families(made_study)[0])
    wanted = {(label, round(255 * eps)): accuracy for label, curve in curves.items() for eps, accuracy in curve}
    assert draw_points(made_study) == pytest.approx(wanted)
    assert len(wanted) == 10 * 4


def test_the_band_spans_the_seeds(made_study: Study, made_tables: StudyTables) -> None:
    figure = draw_security_curves(made_study, made_tables)
    assert figure is not None
    entry = max(made_study.under(made_study.headline), key=lambda entry: max(entry.robust) - min(entry.robust))
    assert min(entry.robust) < entry.mean[1] < max(entry.robust)
    budget = round(255 * (made_study.headline.eps or 0))
    marks = read_marks(figure, "points")
    (mark,) = [m for m in marks if m.says["models"] == entry.configuration.label and read_budget(m) == budget]
    low, high = min(entry.robust), max(entry.robust)
    assert mark.says["lowest and highest seed"] == f"{100 * low:.1f}% to {100 * high:.1f}%"


def test_budgets_are_named_in_255ths(made_study: Study, made_tables: StudyTables) -> None:
    figure = draw_security_curves(made_study, made_tables)
    assert figure is not None
    axis = figure.panels[0].spec["layer"][0]["encoding"]["x"]["axis"]
    assert [round(255 * value) for value in axis["values"]] == [0, 8, 16, 32]
    assert "'16/255'" in axis["labelExpr"]


def test_training_runs_that_lack_a_budget_are_left_out(tmp_path: Path) -> None:
    rows = made_up(tmp_path, WITHOUT_TUNING, images=False).rows()
    kept = [row for row in rows if not (row["seed"] == 2 and row["attack_eps"] > 0.1)]
    (study,) = group_studies(kept)
    (two,) = group_studies([row for row in rows if row["seed"] != 2])
    assert draw_points(study) == draw_points(two)


def test_many_models_become_lines_of_groups_and_defended_ones_stay_apart(tmp_path: Path) -> None:
    attack = {"name": "fgsm", "eps": {"grid_search": ["8/255", "32/255"]}}
    content = {**GRID, "seed": 0, "prune": {"ratio": {"grid_search": [n / 20 for n in range(10)]}}, "attack": attack}
    (study,) = group_studies(made_up(tmp_path, content, images=False).rows())
    assert len(study.configurations) == 50 > MOST_CURVES
    lines = {line for line, _ in draw_points(study)}
    states = ("defended", "undefended")
    assert lines == {f"{n / 20:g} | all trials | {state}" for n in range(10) for state in states}


def test_one_budget_makes_no_curve(tmp_path: Path) -> None:
    content = {**WITHOUT_TUNING, "attack": {"name": "fgsm", "eps": "8/255"}}
    (study,) = group_studies(made_up(tmp_path, content, images=False).rows())
    assert draw_security_curves(study, build_study_tables(study)) is None


def test_success_starts_at_nothing_and_clean_accuracy_stays(made_study: Study, made_tables: StudyTables) -> None:
    rates = ("clean_accuracy", "attack_success_rate")
    figure = draw_security_curves(made_study, made_tables, rates)
    assert figure is not None
    found = {
        (mark.says["models"], mark.says["rate"], read_budget(mark)): mark.says for mark in read_marks(figure, "points")
    }
    assert len(found) == 10 * 2 * 4
    for entry in made_study.measured.values():
        if entry.threat.steps == 10:
            label, budget = entry.configuration.label, round(255 * (entry.threat.eps or 0))
            clean, success = (float(found[label, name, budget]["share of images"].rstrip("%"))
                              for name in ("clean accuracy", "attack success rate"))  # fmt: skip
            assert clean == pytest.approx(100 * entry.mean[0], abs=0.01)
            assert success == pytest.approx(100 * sum(row["attack_success_rate"] for row in entry.rows) / 3, abs=0.01)
            assert float(found[label, "attack success rate", 0]["share of images"].rstrip("%")) == 0
            assert (
                found[label, "clean accuracy", 0]["share of images"]
                == found[label, "clean accuracy", 32]["share of images"]
            )
