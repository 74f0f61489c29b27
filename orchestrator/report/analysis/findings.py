"""Everything that a report says and shows of one study."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
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
from orchestrator.report.analysis.study import Study
from orchestrator.report.analysis.tables import Rows, StudyTables, build_study_tables
from orchestrator.report.analysis.training_curves import list_training_curves


@dataclass(frozen=True)
class StudyFindings:
    """One study, its answers, and the rows of its figures."""

    study: Study
    answers: Answers
    tables: StudyTables
    training: Rows
    images: Sequence[ImageResults]
    gallery: Gallery
    classes: Sequence[str]
    """Names of the classes, or their numbers."""


def analyse_studies(data: ReportData, records: ImageRecords, data_dir: Path | None) -> list[StudyFindings]:
    """Every study of a report.

    :param data_dir: root of the data sets, for nothing but the names of their classes.
    """
    return [
        StudyFindings(
            study,
            answer_questions(study, records.robust),
            build_study_tables(study),
            list_training_curves(study, data.history),
            collect_image_results(study, records),
            collect_gallery(study, records),
            load_class_names(study, data.data, data_dir),
        )
        for study in data.studies
    ]
