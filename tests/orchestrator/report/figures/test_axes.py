"""Accuracy over each setting."""

from __future__ import annotations

import statistics
from collections import defaultdict

import pytest
from scipy.stats import t

from orchestrator.report.analysis.study import Study
from orchestrator.report.analysis.tables import StudyTables
from orchestrator.report.figures.axes import draw_axes
from tests.support.drawn_marks import read_marks


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
        half = t.ppf(0.975, 2) * statistics.stdev(values) / 3**0.5
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
