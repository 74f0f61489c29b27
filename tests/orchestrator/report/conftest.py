"""Fixtures of the tests of reports."""

from __future__ import annotations

import pytest

from orchestrator.report.analysis.report_data import ReportData, load_report_data
from orchestrator.report.analysis.study import Study
from orchestrator.report.analysis.tables import StudyTables, build_study_tables
from orchestrator.store.sweep_store import SweepStore
from tests.support.report_data import made_up


@pytest.fixture(scope="session")
def made_sweep(tmp_path_factory: pytest.TempPathFactory) -> SweepStore:
    """180 trials whose numbers follow a known rule."""
    return made_up(tmp_path_factory.mktemp("made"))


@pytest.fixture(scope="session")
def made_data(made_sweep: SweepStore) -> ReportData:
    """What a report reads of them."""
    return load_report_data([made_sweep])


@pytest.fixture(scope="session")
def made_study(made_data: ReportData) -> Study:
    """Their only study."""
    (study,) = made_data.studies
    return study


@pytest.fixture(scope="session")
def made_tables(made_study: Study) -> StudyTables:
    """The rows of its figures."""
    return build_study_tables(made_study)
