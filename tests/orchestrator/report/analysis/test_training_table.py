"""Epochs in a table: each stage of a model once, and the paper's numbers of that model alone."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from orchestrator.report.analysis.studies import group_studies
from orchestrator.report.analysis.training_table import list_epochs
from orchestrator.space.paper import ReportedNumber
from tests.support.report_data import WITHOUT_TUNING, made_up

BLANK = dict.fromkeys(("train_loss", "train_accuracy", "validation_loss", "validation_accuracy"))


def test_means_are_over_distinct_stages_and_nothing_stands_where_nothing_was_measured(tmp_path: Path) -> None:
    content = {**WITHOUT_TUNING, "seed": {"grid_search": [0, 1]},
               "finetune": {"epochs": 1, "optimizer": {"name": "sgd", "lr": 0.1}}}  # fmt: skip
    (study,) = group_studies(made_up(tmp_path, content, images=False).rows())
    keys = {kind: {row[f"{kind}_key"]: row for row in study.rows} for kind in ("train", "finetune")}
    history: list[dict[str, Any]] = [
        {**BLANK, "stage_key": key, "epoch": 0, "train_loss": 0.25 + row["seed"], "validation_accuracy": 0.5}
        for key, row in keys["train"].items()
    ]
    history += [
        {**BLANK, "stage_key": key, "epoch": 2, "train_accuracy": row["pruning_ratio"] + row["seed"] / 10}
        for key, row in keys["finetune"].items()
    ]
    numbers = [
        ReportedNumber(match={"pruning_ratio": 0.4}, stage="train", epoch=1, train_loss=0.5, validation_loss=9.0),
        ReportedNumber(match={"pruning_ratio": 0.4}, stage="finetune", epoch=3, train_accuracy=0.25),
        ReportedNumber(match={"pruning_ratio": 0.4}, stage="train", epoch=3, train_loss=0.75),
    ]
    rows = list_epochs(study, history, numbers, ("finetune", "train"))
    place = {configuration.values["pruning_ratio"]: n for n, configuration in enumerate(study.configurations)}
    assert len(keys["train"]) == 2, "both models are built on the same trainings"
    shown = [(r["model"], r["stage"], r["epoch"], r["column"], r["text"], r["paper"]) for r in rows]
    assert shown == [
        (place[0.0], "finetune", 3, "training accuracy", "5.0 %", ""),
        (place[0.0], "train", 1, "training loss", "0.750", ""),
        (place[0.0], "train", 1, "validation accuracy", "50.0 %", ""),
        (place[0.4], "finetune", 3, "training accuracy", "45.0 %", "25.0 %"),
        (place[0.4], "train", 1, "training loss", "0.750", "0.500"),
        (place[0.4], "train", 1, "validation accuracy", "50.0 %", ""),
    ]
