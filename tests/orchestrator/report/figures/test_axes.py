"""Accuracy over each setting."""

from __future__ import annotations

import statistics
from collections import defaultdict
from pathlib import Path

import pytest

from orchestrator.report.analysis.report_data import load_report_data
from orchestrator.report.analysis.studies import group_studies
from orchestrator.report.analysis.study import Study
from orchestrator.report.analysis.tables import StudyTables, build_study_tables
from orchestrator.report.figures.axes import draw_axes
from tests.support.drawn_marks import read_marks
from tests.support.report_data import WITHOUT_TUNING, made_up

STUDENT = 4.302652729911275
"""The quantile of 97.5 % of Student's t of two degrees of freedom: of three seeds."""


def test_levels_are_means_over_seeds_and_defended_models_stand_apart(
    made_study: Study, made_tables: StudyTables
) -> None:
    figure = draw_axes(made_study, made_tables)
    assert figure is not None
    assert [panel.title for panel in figure.panels] == ["pruning ratio", "lambda", "eps_train"]
    seeds: dict[tuple[str, str, str], dict[int, list[float]]] = defaultdict(lambda: defaultdict(list))
    for entry in made_study.under(made_study.headline):
        for row in entry.rows:
            models = "defended" if row["lambda"] else "undefended"
            for measure in ("clean", "robust"):
                seeds[f"{row['pruning_ratio']:g}", models, measure][row["seed"]].append(row[f"{measure}_accuracy"])
    marks = [mark for mark in read_marks(figure, "levels") if mark.panel == 0]
    assert len(marks) == len(seeds) == 8
    for mark in marks:
        values = [
            statistics.fmean(v)
            for v in seeds[mark.says["pruning ratio"], mark.says["models"], mark.says["measure"]].values()
        ]
        assert mark.says["mean"] == f"{100 * statistics.fmean(values):.2f}%"
        half = STUDENT * statistics.stdev(values) / 3**0.5
        low, high = (min(1.0, max(0.0, statistics.fmean(values) + sign * half)) for sign in (-1, 1))
        shown = [float(part) for part in mark.says["95 % over seeds"].replace("%", "").split(" to ")]
        assert shown == pytest.approx([100 * low, 100 * high], abs=0.051)
        assert mark.says["seeds"] == "3"


def test_levels_stand_in_ascending_order(made_study: Study, made_tables: StudyTables) -> None:
    figure = draw_axes(made_study, made_tables)
    assert figure is not None
    for panel, name, levels in ((1, "lambda", ["none", "0.5", "0.9"]), (2, "eps_train", ["none", "8/255", "24/255"])):
        marks = [mark for mark in read_marks(figure, "levels") if mark.panel == panel]
        assert list(dict.fromkeys(mark.says[name] for mark in sorted(marks, key=lambda mark: mark.item["x"]))) == levels


def test_a_level_with_fewer_seeds_has_the_wider_interval_of_these_seeds(tmp_path: Path) -> None:
    """Seed 2 was not run at a ratio of 0.4: Student's t of one degree of freedom there, of two beside it; and a single
    seed has no interval.
    """
    rows = made_up(tmp_path, WITHOUT_TUNING, images=False).rows()
    found = {}
    for most in (1, 0):
        (study,) = group_studies([row for row in rows if not row["pruning_ratio"] or row["seed"] <= most])
        figure = draw_axes(study, build_study_tables(study))
        assert figure is not None
        for mark in read_marks(figure, "levels"):
            if mark.says["measure"] == "clean":
                found[most, mark.says["pruning ratio"]] = mark.says["seeds"], mark.says["95 % over seeds"]
    of_three, of_two = [114 / 120, 113 / 120, 112 / 120], [109 / 120, 108 / 120]
    assert found == {
        (1, "0"): ("3", say_interval(of_three, 4.302653)),
        (0, "0"): ("3", say_interval(of_three, 4.302653)),
        (1, "0.4"): ("2", say_interval(of_two, 12.706205)),
        (0, "0.4"): ("1", "one seed"),
    }


def say_interval(values: list[float], quantile: float) -> str:
    half = quantile * statistics.stdev(values) / len(values) ** 0.5
    low, high = (statistics.fmean(values) + sign * half for sign in (-1, 1))
    return f"{100 * low:.1f}% to {100 * high:.1f}%"


def test_where_no_setting_of_the_training_varies_there_is_no_figure(tmp_path: Path) -> None:
    (study,) = group_studies(made_up(tmp_path, {**WITHOUT_TUNING, "prune": None}, images=False).rows())
    assert draw_axes(study, build_study_tables(study)) is None


def test_long_names_are_turned_before_they_overlap(tmp_path: Path) -> None:
    names = ["crop_rescale", "total_variation", "quilting"]
    behind = [{"transformations": [{"name": name}]} for name in names]
    content = {**WITHOUT_TUNING, "seed": 0, "inference": {"grid_search": [None, *behind]}}
    (study,) = load_report_data([made_up(tmp_path, content, images=False)]).studies
    figure = draw_axes(study, build_study_tables(study))
    assert figure is not None
    turned = {panel.title: "'labelAngle': -40" in str(panel.spec) for panel in figure.panels}
    assert turned == {"pruning ratio": False, "transformations": True}
