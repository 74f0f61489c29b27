"""Epochs in numbers, with those of a paper."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from orchestrator.report.analysis.studies import group_studies
from orchestrator.report.analysis.study import Study
from orchestrator.report.analysis.training_table import list_epochs
from orchestrator.report.figures.training_table import draw_training_table
from orchestrator.space.paper import ReportedNumber
from tests.support.drawn_marks import read_marks
from tests.support.report_data import WITHOUT_TUNING, made_up

NUMBERS = [
    ReportedNumber(match={"pruning_ratio": 0.4}, stage="train", epoch=2, train_loss=0.13, validation_accuracy=0.96),
    ReportedNumber(match={"pruning_ratio": 0.7}, stage="train", epoch=1, train_loss=0.99),
    ReportedNumber(match={"pruning_ratio": 0.4}, stage="finetune", epoch=1, train_loss=0.88),
    ReportedNumber(match={"pruning_ratio": 0.4}, robust_accuracy=0.5),
]


def make_history(study: Study) -> list[dict[str, Any]]:
    """Two epochs of every training: the loss of seed s is s + 0.1 in the first, s in the second."""
    keys = {row["train_key"]: row["seed"] for row in study.rows}
    return [
        {"stage_key": key, "stage": "train", "epoch": epoch, "train_loss": seed + 0.1 * (1 - epoch),
         "train_accuracy": 0.5, "validation_loss": None, "validation_accuracy": 0.25}
        for key, seed in keys.items() for epoch in (0, 1)
    ]  # fmt: skip


def test_a_number_is_the_mean_over_the_distinct_stages_with_the_papers_below(tmp_path: Path) -> None:
    (study,) = group_studies(made_up(tmp_path, WITHOUT_TUNING, images=False).rows())
    rows = list_epochs(study, make_history(study), NUMBERS, ("train", "finetune"))
    figure = draw_training_table(study, rows, ("train", "finetune"))
    assert figure is not None
    assert [panel.title for panel in figure.panels] == ["training: pruning ratio 0", "training: pruning ratio 0.4"]
    found = {
        (mark.panel, mark.says["epoch"], mark.says["measure"]): mark.says for mark in read_marks(figure, "measured")
    }
    assert len(found) == 2 * 2 * 3, "no column for the validation loss, which nobody measured"
    assert found[0, "1", "training loss"]["measured"] == "1.100"
    assert found[1, "2", "training loss"]["measured"] == "1.000"
    assert found[1, "2", "validation accuracy"]["measured"] == "25.0 %"
    papers = {place: says["paper"] for place, says in found.items() if says.get("paper")}
    assert papers == {(1, "2", "training loss"): "0.130", (1, "2", "validation accuracy"): "96.0 %"}
    shown = [(mark.panel, mark.item["text"]) for mark in read_marks(figure, "reported")]
    assert sorted(shown) == [(1, "paper 0.130"), (1, "paper 96.0 %")]


def test_nothing_was_trained(tmp_path: Path) -> None:
    (study,) = group_studies(made_up(tmp_path, WITHOUT_TUNING, images=False).rows())
    assert draw_training_table(study, list_epochs(study, [], NUMBERS, ("train",)), ("train",)) is None
