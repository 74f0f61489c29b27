"""What can be known of a data set before it is decoded."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import pytest

from tasks.data.loading import load_splits
from tasks.data.registry import SOURCES
from tasks.data.settings import DatasetSettings
from tasks.data.source import Inspection, count_training_images, inspect_dataset, load_source, make_placeholder
from tasks.errors import MissingDataError, UsageError
from tests.support.images import settings
from tests.support.small import write_images, write_mnist


def test_missing_data_says_what_to_put_where(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"train-images-idx3-ubyte\(\.gz\) is missing"):
        inspect_dataset(settings("mnist"), tmp_path)
    with pytest.raises(UsageError, match="give --data-dir"):
        inspect_dataset(settings("mnist"), None)


def test_examples_of_images_that_come_divided_are_refused(tmp_path: Path) -> None:
    write_mnist(tmp_path)
    with pytest.raises(UsageError, match=r"dataset\.train_examples"):
        inspect_dataset(settings("mnist", examples=30), tmp_path)


def test_every_source_can_be_imported() -> None:
    assert all(hasattr(load_source(name), "inspect") for name in SOURCES)


def test_fingerprints_depend_on_content_and_not_on_the_path(tmp_path: Path) -> None:
    write_images(tmp_path / "one", ("cat", "dog"), 3)
    shutil.copytree(tmp_path / "one", tmp_path / "two")
    found = [
        inspect_dataset(settings("image_folder", root=tmp_path / at, image_size=16), None) for at in ("one", "two")
    ]
    assert found[0].fingerprint == found[1].fingerprint
    shutil.copy(tmp_path / "two" / "cat" / "001.png", tmp_path / "two" / "cat" / "000.png")
    changed = inspect_dataset(settings("image_folder", root=tmp_path / "two", image_size=16), None)
    assert changed.fingerprint != found[0].fingerprint


@pytest.mark.parametrize(
    ("fields", "most", "message"),
    [
        ({"examples": "N"}, 1797, "dataset.examples = 1798: digits has only 1797 images"),
        ({"train_examples": "N"}, 1438, "dataset.train_examples = 1439: digits has 1438 training images"),
        (
            {"train_examples": "N", "examples": 400, "split": {"test": 0.25}},
            300,
            "dataset.train_examples = 301: digits has 300 training images",
        ),
    ],
)
def test_all_there_is_may_be_asked_for_and_not_one_more(fields: dict[str, Any], most: int, message: str) -> None:
    def ask(count: int) -> DatasetSettings:
        return settings("digits", **{name: count if value == "N" else value for name, value in fields.items()})

    assert inspect_dataset(ask(most), None).classes
    with pytest.raises(UsageError, match=message):
        inspect_dataset(ask(most + 1), None)


@pytest.mark.parametrize("fields", [{}, {"train_examples": 203}, {"train_examples": 1438}])
@pytest.mark.parametrize("validation", [0.0, 0.13])
def test_training_images_are_counted_as_they_are_divided(fields: dict[str, Any], validation: float) -> None:
    asked = settings("digits", split={"validation": validation}, **fields)
    assert count_training_images(asked, inspect_dataset(asked, None)) == len(load_splits(asked, None).train)


@pytest.mark.parametrize(
    ("name", "fields", "train", "test"),
    [
        ("mnist", {}, 60_000, 10_000),
        ("svhn", {}, 73_257, 26_032),
        ("image_folder", {}, 10_000, 2_000),
        ("image_folder", {"examples": 55, "split": {"test": 0.3}}, 39, 16),
        ("image_folder", {"train_examples": 12_345}, 12_345, 2_000),
        ("mnist", {"train_examples": 100}, 60_000, 10_000),
    ],
)
def test_a_plan_takes_published_counts_for_data_that_are_not_here(
    name: str, fields: dict[str, Any], train: int, test: int
) -> None:
    assert make_placeholder(settings(name, **fields)) == Inspection("0" * 64, (), train, test, 3)


def test_a_folder_that_is_none_is_told_from_one_that_is_not_there(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    for name, state in {"gone": "does not exist", "file": "is no folder"}.items():
        with pytest.raises(
            MissingDataError, match=rf"^the data folder '{tmp_path}/{name}' {state}: svhn needs train_32"
        ):
            inspect_dataset(settings("svhn"), tmp_path / name)
    with pytest.raises(
        MissingDataError, match=r"^dataset\.name = 'svhn' needs a folder: give --data-dir DIR with train_"
    ):
        inspect_dataset(settings("svhn"), None)
    with pytest.raises(
        MissingDataError, match=rf"train_32x32\.mat and test_32x32\.mat missing in {tmp_path}: svhn needs"
    ):
        inspect_dataset(settings("svhn"), tmp_path)
    with pytest.raises(UsageError, match=r"^dataset\.image_size is missing: image_folder needs the size to which"):
        inspect_dataset(settings("image_folder", root=tmp_path), None)
