"""Everything that a report says and shows of one study, each part computed when it is asked for."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from orchestrator.report.analysis.answers import Answers, answer_questions
from orchestrator.report.analysis.attacked_images import Gallery, collect_gallery
from orchestrator.report.analysis.image_results import (
    ImageRecords,
    ImageResults,
    collect_image_results,
    load_class_names,
)
from orchestrator.report.analysis.report_data import ReportData
from orchestrator.report.analysis.selected_configurations import choose_entries, list_entries
from orchestrator.report.analysis.studies import group_studies
from orchestrator.report.analysis.study import Configuration, Measured, Study
from orchestrator.report.analysis.tables import Rows, StudyTables, build_study_tables
from orchestrator.report.analysis.training_curves import list_training_curves
from orchestrator.results.verdicts import narrow_worst_cases
from orchestrator.results.where import select_rows
from orchestrator.space.figures import FigureRequest
from tasks.errors import UsageError
from tasks.trial.row import Row


@dataclass(frozen=True)
class StudyFindings:
    """One study, its answers, and the rows of its figures."""

    study: Study
    entries: Sequence[Measured]
    """What figures of single models show."""
    data: ReportData
    records: ImageRecords
    data_dir: Path | None
    """Root of the data sets, for nothing but the names of their classes."""

    @property
    def models(self) -> list[Configuration]:
        """The configurations of the entries, each once."""
        return list({entry.configuration.key: entry.configuration for entry in self.entries}.values())

    @cached_property
    def answers(self) -> Answers:
        """The answers in words."""
        return answer_questions(self.study, self.records.robust)

    @cached_property
    def tables(self) -> StudyTables:
        """The numbers, row by row."""
        return build_study_tables(self.study)

    @cached_property
    def training(self) -> Rows:
        """Loss and accuracy over the epochs."""
        return list_training_curves(self.study, self.data.history)

    @cached_property
    def images(self) -> Sequence[ImageResults]:
        """What was said of every attacked image."""
        return collect_image_results(self.entries, self.records)

    @cached_property
    def gallery(self) -> Gallery:
        """A few images under attack."""
        return collect_gallery(self.entries, self.records)

    @cached_property
    def classes(self) -> Sequence[str]:
        """Names of the classes, or their numbers."""
        return load_class_names(self.study, self.data.data, self.data_dir)


def analyse_studies(data: ReportData, records: ImageRecords, data_dir: Path | None) -> list[StudyFindings]:
    """Every study of a report.

    :param data_dir: root of the data sets, for nothing but the names of their classes.
    """
    return [StudyFindings(study, choose_entries(study), data, records, data_dir) for study in data.studies]


def analyse_selection(
    request: FigureRequest,
    option: str,
    rows: Sequence[Row],
    data: ReportData,
    records: ImageRecords,
    data_dir: Path | None,
) -> list[StudyFindings]:
    """What a figure draws: the trials that it selects, those of each data set by themselves.

    :param option: what a message about the selection begins with.
    :param rows: of the data, those that it selects from; a worst case is over the attacks that are selected.
    :raises UsageError: no finished trial is selected.
    """
    selected = select_rows(rows, request.where, option)
    studies = group_studies(narrow_worst_cases(rows, selected, records.read))
    if not studies:
        raise UsageError("there is no finished trial to draw yet")
    return [StudyFindings(study, list_entries(study), data, records, data_dir) for study in studies]
