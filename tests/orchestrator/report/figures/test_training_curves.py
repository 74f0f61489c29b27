"""Curves over the epochs."""

from __future__ import annotations

from typing import Any

from orchestrator.report.analysis.study import Study
from orchestrator.report.figures.training_curves import draw_training_curves
from tests.support.drawn_marks import read_marks

CURVES: list[dict[str, Any]] = [
    {"stage": stage, "g": group, "kind": kind, "metric": metric, "epoch": epoch, "mean": mean + epoch / 100,
     "low": mean - 0.1, "high": mean + 0.1, "stages": 2}
    for stage, group, kind, metric, mean in (
        ("train", "shared", "accuracy", "train", 0.5), ("train", "shared", "accuracy", "validation", 0.4),
        ("train", "shared", "loss", "train", 1.5), ("finetune", "0.9, 8/255", "accuracy", "train", 0.7),
    )
    for epoch in range(1, 13)
]  # fmt: skip


def test_a_panel_for_each_stage_and_measure_shows_its_own_rows(made_study: Study) -> None:
    figure = draw_training_curves(made_study, CURVES)
    assert figure is not None
    assert [panel.title for panel in figure.panels] == ["training: accuracy", "fine-tuning: accuracy", "training: loss"]
    marks = read_marks(figure, "epochs")
    found = {(mark.panel, mark.says["group"], mark.says["measure"]) for mark in marks}
    assert found == {
        (0, "shared", "train"),
        (0, "shared", "validation"),
        (1, "0.9, 8/255", "train"),
        (2, "shared", "train"),
    }
    assert [mark.says["mean"] for mark in marks if mark.panel == 1] == [f"{0.7 + e / 100:.4f}" for e in range(1, 13)]


def test_a_group_has_its_colour_of_the_other_figures(made_study: Study) -> None:
    figure = draw_training_curves(made_study, CURVES)
    assert figure is not None
    colours = {mark.says["group"]: mark.item["fill"] for mark in read_marks(figure, "epochs")}
    assert colours["shared"] == "#6b7280"
    assert colours["0.9, 8/255"] == "#c2185b", "the fourth group of this study"


def test_nothing_trained_no_figure(made_study: Study) -> None:
    assert draw_training_curves(made_study, []) is None


def test_only_the_stages_that_are_asked_for_are_drawn_with_few_ticks(made_study: Study) -> None:
    figure = draw_training_curves(made_study, CURVES, ("finetune",))
    assert figure is not None
    assert ([panel.title for panel in figure.panels], figure.columns) == (["fine-tuning: accuracy"], 1)
    assert draw_training_curves(made_study, CURVES, ("adversarial_finetune",)) is None
    for last, ticks in ((12, [1, 3, 5, 7, 9, 11]), (6, [1, 2, 3, 4, 5, 6]), (7, [1, 3, 5, 7]), (1, [1])):
        rows = [row for row in CURVES if row["epoch"] <= last]
        found = draw_training_curves(made_study, rows)
        assert found is not None
        assert found.panels[0].spec["layer"][0]["encoding"]["x"]["axis"]["values"] == ticks
        assert len(found.panels) == 3


def test_a_single_measure_needs_no_legend(made_study: Study) -> None:
    for metrics, legend in (({"train"}, None), ({"train", "validation"}, {"title": None})):
        figure = draw_training_curves(made_study, [row for row in CURVES if row["metric"] in metrics])
        assert figure is not None
        assert figure.panels[0].spec["layer"][1]["encoding"]["strokeDash"]["legend"] == legend
