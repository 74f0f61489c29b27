"""Which models, attacks and axes a study has."""

from __future__ import annotations

from pathlib import Path

from orchestrator.report.analysis.report_data import load_report_data
from orchestrator.report.analysis.study import Study
from tests.support.report_data import GRID, WITHOUT_TUNING, made_up


def test_a_study_knows_its_models_attacks_and_axes(made_study: Study) -> None:
    assert (len(made_study.configurations), len(made_study.threats), len(made_study.rows)) == (10, 6, 180)
    assert [axis.name for axis in made_study.training_axes] == ["pruning_ratio", "lambda", "eps_train"]
    assert {len(entry.rows) for entry in made_study.measured.values()} == {3}


def test_other_test_images_make_another_model_in_the_table(tmp_path: Path) -> None:
    larger = {**WITHOUT_TUNING, "dataset": {"name": "digits", "image_size": 16, "split": {"test": 0.3}}}
    sweeps = [made_up(tmp_path, GRID, "one", images=False), made_up(tmp_path, larger, "two", images=False)]
    labels = [c.label for study in load_report_data(sweeps).studies for c in study.configurations]
    assert len(labels) == len(set(labels)) == 12
    assert sum("dataset.split.test 0.3" in label for label in labels) == 2
