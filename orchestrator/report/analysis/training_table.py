"""Loss and accuracy epoch by epoch, as a table shows them: what was measured, and what a paper has."""

from __future__ import annotations

import statistics
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from orchestrator.report.analysis.study import Configuration, Study
from orchestrator.report.analysis.tables import Rows
from orchestrator.space.matching import Matcher
from orchestrator.space.paper import EPOCH_MEASURES, ReportedNumber

COLUMNS = {name: name.replace("_", " ").replace("train", "training") for name in EPOCH_MEASURES}
"""Column of `schema.HISTORY` -> what people call it."""


def list_epochs(
    study: Study, history: Iterable[Mapping[str, Any]], numbers: Sequence[ReportedNumber], stages: Sequence[str]
) -> Rows:
    """A row for each cell of the table: `stage`, `model` (place among the configurations), `epoch` (from 1), `column`,
    `text` (the mean over the stages of the model's seeds), `paper` (empty where the paper has none).

    :param history: rows of `schema.HISTORY`.
    :param numbers: of the papers.
    :param stages: kinds of stages that are shown.
    """
    by_stage: dict[str, list[Mapping[str, Any]]] = defaultdict(list)
    for entry in history:
        by_stage[entry["stage_key"]].append(entry)
    rows: Rows = []
    for place, configuration in enumerate(study.configurations):
        paper = _find_reported(study, configuration, numbers)
        for stage in stages:
            for (epoch, column), values in _collect_values(study, configuration, by_stage, stage).items():
                reported = paper.get((stage, epoch, column))
                rows.append({"stage": stage, "model": place, "epoch": epoch, "column": COLUMNS[column],
                             "text": _format_mean(column, values),
                             "paper": "" if reported is None else _format_mean(column, [reported])})  # fmt: skip
    return rows


def _collect_values(
    study: Study, configuration: Configuration, by_stage: Mapping[str, Sequence[Mapping[str, Any]]], stage: str
) -> dict[tuple[int, str], list[float]]:
    """Epoch from 1 and column -> the values of the distinct stages of one kind that the models are built on."""
    rows = [row for (model, _), entry in study.measured.items() if model == configuration.key for row in entry.rows]
    found: dict[tuple[int, str], list[float]] = defaultdict(list)
    for key in dict.fromkeys(row[f"{stage}_key"] for row in rows if row[f"{stage}_key"]):
        for entry in by_stage.get(key, ()):
            for column in EPOCH_MEASURES:
                if entry[column] is not None:
                    found[entry["epoch"] + 1, column].append(entry[column])
    return found


def _find_reported(
    study: Study, configuration: Configuration, numbers: Sequence[ReportedNumber]
) -> dict[tuple[str, int, str], float]:
    """Stage, epoch and column -> the paper's number, for the entries that are about trials of this model."""
    rows = [row for (model, _), entry in study.measured.items() if model == configuration.key for row in entry.rows]
    matcher = Matcher(rows)
    return {
        (number.stage, number.epoch, column): value
        for number in numbers
        if number.stage is not None and number.epoch is not None and matcher.matching(number.match)
        for column, value in number.list_numbers(EPOCH_MEASURES)
    }


def _format_mean(column: str, values: Sequence[float]) -> str:
    mean = statistics.fmean(values)
    return f"{100 * mean:.1f} %" if column.endswith("accuracy") else f"{mean:.3f}"
