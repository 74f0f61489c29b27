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
