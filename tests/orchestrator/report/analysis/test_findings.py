"""What is said and shown of a study, each part asked of what makes it with what it needs."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from orchestrator.report.analysis import findings
from orchestrator.report.analysis.findings import StudyFindings, analyse_selection, analyse_studies
from orchestrator.report.analysis.report_data import ReportData
from orchestrator.report.analysis.selected_configurations import choose_entries, list_entries
from orchestrator.report.analysis.study import Study
from orchestrator.results.verdicts import annotate_rows
from orchestrator.space.figures import FigureRequest
from tasks.errors import UsageError
from tests.support.mixed_images import ROWS, read_images


@pytest.fixture
def found(made_study: Study, monkeypatch: pytest.MonkeyPatch) -> StudyFindings:
    """Findings whose parts tell what they were made of."""
    for name in ("answer_questions", "build_study_tables", "list_training_curves", "collect_image_results",
                 "collect_gallery", "load_class_names"):  # fmt: skip
        monkeypatch.setattr(findings, name, lambda *words, name=name: (name, *words))
    data: Any = SimpleNamespace(history="history", data="data")
    records: Any = SimpleNamespace(robust="robust")
    return StudyFindings(made_study, list(made_study.measured.values())[:7], data, records, Path("/data"))


def test_each_part_is_made_of_the_study_and_of_what_it_reads(found: StudyFindings) -> None:
    made: Any = found
    assert made.answers == ("answer_questions", made.study, "robust")
    assert made.tables == ("build_study_tables", made.study)
    assert made.training == ("list_training_curves", made.study, "history")
    assert made.images == ("collect_image_results", made.entries, made.records)
    assert made.gallery == ("collect_gallery", made.entries, made.records)
    assert made.classes == ("load_class_names", made.study, "data", Path("/data"))


def test_the_models_are_those_of_the_entries_each_once(found: StudyFindings) -> None:
    keys = [model.key for model in found.models]
    assert keys == list(dict.fromkeys(entry.configuration.key for entry in found.entries))
    assert len(keys) == 2


def test_a_report_shows_a_choice_and_a_figure_all_that_it_selects(made_data: ReportData) -> None:
    records: Any = SimpleNamespace(read=read_images)
    (one,) = analyse_studies(made_data, records, Path("/data"))
    assert list(one.entries) == list(choose_entries(one.study))
    assert (one.study, one.records, one.data_dir) == (made_data.studies[0], records, Path("/data"))
    request = FigureRequest(kind="heat_map", where={"pruning_ratio": 0.4})
    (other,) = analyse_selection(request, "--where", made_data.rows, made_data, records, None)
    assert {row["pruning_ratio"] for row in other.study.rows} == {0.4}
    assert list(other.entries) == list(list_entries(other.study))
    assert other.data is made_data
    wrong = FigureRequest(kind="heat_map", where={"pruning_ratio": 0.7})
    with pytest.raises(UsageError, match=r"figures\.2 pruning_ratio=0\.7: no trial has it"):
        analyse_selection(wrong, "figures.2", made_data.rows, made_data, records, None)
    with pytest.raises(UsageError, match="there is no finished trial to draw yet"):
        analyse_selection(FigureRequest(kind="heat_map"), "", [], made_data, records, None)


def test_a_figure_of_some_attacks_shows_what_these_leave(made_data: ReportData) -> None:
    records: Any = SimpleNamespace(read=read_images)
    request = FigureRequest(kind="tradeoff", where={"attack": "fgsm"})
    (found,) = analyse_selection(request, "--where", annotate_rows(ROWS, read_images), made_data, records, None)
    (entry,) = found.study.under(found.study.headline)
    assert entry.robust == (7 / 8,)
