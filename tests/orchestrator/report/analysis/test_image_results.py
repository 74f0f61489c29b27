"""What the models said of each image."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest

from orchestrator.report.analysis.image_results import (
    ImageRecords,
    ImageResults,
    bin_confidence,
    collect_image_results,
    list_confusions,
    load_class_names,
)
from orchestrator.report.analysis.report_data import load_report_data
from orchestrator.report.analysis.selected_configurations import choose_entries
from orchestrator.report.analysis.study import Study
from tasks.storage.stage_store import StageStore
from tasks.storage.storage import open_storage
from tests.support.report_data import WITHOUT_TUNING, made_up
from tests.support.small import write_images


@pytest.fixture
def uneven(made_study: Study) -> ImageResults:
    """Six images: class 0 is taken for 2 twice before the attack, class 1 for 0 thrice after it."""
    return ImageResults(
        made_study.configurations[0],
        label=np.array([0, 0, 0, 1, 1, 1]),
        clean=np.array([0, 2, 2, 1, 1, 1]),
        adversarial=np.array([1, 2, 2, 0, 0, 0]),
        clean_confidence=np.array([0.97, 0.97, 0.97, 0.97, 0.52, 1.0]),
        adversarial_confidence=np.array([0.12, 0.12, 0.52, 0.52, 0.52, 0.52]),
    )


def test_true_classes_are_rows_and_predicted_ones_columns(uneven: ImageResults) -> None:
    assert uneven.count_confusions("clean", 3).tolist() == [[1, 0, 2], [0, 3, 0], [0, 0, 0]]
    assert uneven.count_confusions("adversarial", 3).tolist() == [[0, 1, 2], [3, 0, 0], [0, 0, 0]]


def test_confusions_are_shares_of_the_true_class(uneven: ImageResults) -> None:
    found = [(r["when"], r["true"], r["predicted"], r["count"], r["share"]) for r in list_confusions([uneven], "abc")]
    assert found == [
        ("clean", "a", "a", 1, 0.33333), ("clean", "a", "c", 2, 0.66667), ("clean", "b", "b", 3, 1.0),
        ("adversarial", "a", "b", 1, 0.33333), ("adversarial", "a", "c", 2, 0.66667), ("adversarial", "b", "a", 3, 1.0),
    ]  # fmt: skip


def test_histograms_are_shares_of_the_images_and_full_confidence_counts(uneven: ImageResults) -> None:
    found = {(r["when"], r["from"], r["to"]): r["share"] for r in bin_confidence([uneven])}
    assert found == {
        ("clean", 0.5, 0.55): 0.16667, ("clean", 0.95, 1.0): 0.83333,
        ("adversarial", 0.1, 0.15): 0.33333, ("adversarial", 0.5, 0.55): 0.66667,
    }  # fmt: skip


def test_mean_confidence_before_and_after(uneven: ImageResults) -> None:
    before, after = uneven.mean_confidence
    assert (before.mean, after.mean) == pytest.approx((5.4 / 6, 2.32 / 6))
    assert before.high == 1.0, "no confidence is above one"
    assert before.low == pytest.approx(0.9 - 2.570582 * np.std(uneven.clean_confidence, ddof=1) / 6**0.5)


def test_the_images_of_all_seeds_are_together(made_study: Study, made_images: ImageRecords) -> None:
    for result in collect_image_results(choose_entries(made_study), made_images):
        entry = made_study.measured[result.configuration.key, made_study.headline.key]
        assert len(result.label) == 3 * 120
        assert (result.clean == result.label).sum() == sum(row["clean_correct"] for row in entry.rows)
        assert (result.adversarial == result.label).sum() == sum(row["robust_correct"] for row in entry.rows)


def test_classes_are_named_only_by_the_data_set_that_was_attacked(tmp_path: Path) -> None:
    data = tmp_path / "data"
    write_images(data, ("cat", "dog"), 4)
    dataset = {"name": "image_folder", "root": str(data), "image_size": 16, "split": {"test": 0.5}}
    content = {**WITHOUT_TUNING, "dataset": dataset, "attack": {"name": "ifgsm", "eps": "8/255", "steps": 1}}
    found = load_report_data([made_up(tmp_path / "s", content, images=False)])
    assert load_class_names(found.studies[0], found.data, None) == ["cat", "dog"]
    write_images(data, ("bird",), 4)
    numbers = [str(number) for number in range(10)]
    assert load_class_names(found.studies[0], found.data, None) == numbers, "other images"
    shutil.rmtree(data)
    assert load_class_names(found.studies[0], found.data, None) == numbers, "no images"


def test_trials_whose_images_cannot_be_read_are_counted(tmp_path: Path) -> None:
    records = ImageRecords(StageStore(open_storage(tmp_path)))
    assert records.notes == []
    for key in ("a" * 64, "b" * 64, "a" * 64):
        assert records.columns(key) == {}
    assert records.notes == ["The stored images of 2 trials cannot be read, so nothing is said of them"]
