"""Animals-10 in Italian and in English."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from tasks.data.loading import load_splits
from tasks.data.source import inspect_dataset
from tasks.data.sources.animals10 import ENGLISH
from tasks.errors import UsageError
from tests.support.images import settings
from tests.support.small import write_images


@pytest.mark.parametrize("place", ["raw-img", "animals10/raw-img", "animals10", "."])
def test_animals10_in_italian_and_in_english_is_one_data_set(tmp_path: Path, place: str) -> None:
    write_images(tmp_path / "it" / place, tuple(ENGLISH), 5, ".jpeg")
    write_images(tmp_path / "en" / place, tuple(ENGLISH), 5, ".jpeg")
    for italian, english in ENGLISH.items():
        (tmp_path / "en" / place / italian).rename(tmp_path / "en" / place / english)
    asked = settings("animals10", image_size=16)
    found = [load_splits(asked, tmp_path / language) for language in ("it", "en")]
    assert found[0].train.classes == tuple(sorted(ENGLISH.values()))
    assert (len(found[0].train), len(found[0].test)) == (40, 10)
    assert torch.equal(found[0].train.pixels, found[1].train.pixels)
    assert torch.equal(found[0].test.labels, found[1].test.labels)


def test_animals10_takes_as_many_examples_of_each_class(tmp_path: Path) -> None:
    write_images(tmp_path / "raw-img", tuple(ENGLISH), 6, ".jpeg")
    asked = settings("animals10", image_size=16, examples=40)
    seen, found = inspect_dataset(asked, tmp_path), load_splits(asked, tmp_path)
    assert (seen.train_images, seen.test_images) == (len(found.train), len(found.test)) == (32, 8)
    both = torch.cat([found.train.labels, found.test.labels])
    assert both.bincount().tolist() == [4] * 10
    with pytest.raises(UsageError, match="has only 60 images"):
        inspect_dataset(settings("animals10", image_size=16, examples=100), tmp_path)


def test_animals10_says_which_classes_are_missing(tmp_path: Path) -> None:
    write_images(tmp_path / "raw-img", ("cane", "gatto"), 2)
    with pytest.raises(UsageError, match="no folder for butterfly, chicken, cow"):
        inspect_dataset(settings("animals10", image_size=16), tmp_path)


def test_two_folders_of_one_animal_are_refused(tmp_path: Path) -> None:
    write_images(tmp_path / "raw-img", (*ENGLISH, "dog", "sheep"), 2)
    with pytest.raises(UsageError, match="raw-img: two folders for dog, sheep; animals10 needs"):
        inspect_dataset(settings("animals10", image_size=16), tmp_path)
