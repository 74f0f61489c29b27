"""The image files of a data set with a folder for each class."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from tasks.data.listing import Listing, count_images, divide_listing, list_classes
from tasks.data.settings import DatasetSettings
from tasks.errors import UsageError


def test_files_are_labelled_by_the_sorted_classes_and_come_in_order(tmp_path: Path) -> None:
    files = ("z/b.png", "z/a.JPG", "z/notes.txt", "m/deep/c.bmp", "m/d.webp", "m/deep.png", "unused/e.png")
    for name in files:
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_bytes(b"")
    found = list_classes(tmp_path, {"z": "ant", "m": "zebra"}, "animals")
    assert found.classes == ("ant", "zebra")
    assert found.files == ("z/a.JPG", "z/b.png", "m/d.webp", "m/deep/c.bmp", "m/deep.png")
    assert found.labels == (0, 0, 1, 1, 1)
    (tmp_path / "empty").mkdir()
    with pytest.raises(UsageError, match="does not hold animals; no image in bee"):
        list_classes(tmp_path, {"z": "ant", "empty": "bee"}, "animals")


def test_a_link_that_leads_nowhere_is_no_image_that_may_be_left_out(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    (tmp_path / "a" / "there.png").write_bytes(b"")
    (tmp_path / "a" / "link.png").symlink_to(tmp_path / "a" / "there.png")
    assert list_classes(tmp_path, {"a": "ant"}, "animals").files == ("a/link.png", "a/there.png")
    (tmp_path / "a" / "notes.txt").symlink_to(tmp_path / "missing")
    assert len(list_classes(tmp_path, {"a": "ant"}, "animals").files) == 2, "it has no name of an image"
    (tmp_path / "a" / "gone.png").symlink_to(tmp_path / "missing")
    with pytest.raises(UsageError, match=r"a/gone\.png is no file that can be read"):
        list_classes(tmp_path, {"a": "ant"}, "animals")


def make_listing(count: int = 20) -> Listing:
    return Listing(Path("x"), ("a", "b"), tuple(f"{n}.png" for n in range(count)), tuple(n % 2 for n in range(count)))


def test_files_are_chosen_in_the_order_that_is_asked_for() -> None:
    found = make_listing().select(torch.tensor([7, 2, 4]))
    assert (found.files, found.labels) == (("7.png", "2.png", "4.png"), (1, 0, 0))


@pytest.mark.parametrize(("examples", "train", "test"), [(None, 14, 6), (10, 7, 3), (100, 14, 6)])
def test_a_listing_is_limited_and_then_divided(examples: int | None, train: int, test: int) -> None:
    split = {"test": 0.3, "seed": 4}
    settings = DatasetSettings.model_validate({"name": "digits", "examples": examples, "split": split})
    assert count_images(make_listing(), settings) == (train, test)
    first, second = divide_listing(make_listing(), settings)
    assert (len(first.files), len(second.files)) == (train, test)
    assert not set(first.files) & set(second.files)
    assert all(int(name.split(".")[0]) % 2 == label for name, label in zip(first.files, first.labels, strict=True))
    both = first.labels + second.labels
    assert both.count(0) == both.count(1), "as many of each class"
    other = settings.model_copy(update={"split": settings.split.model_copy(update={"seed": 5})})
    assert divide_listing(make_listing(), other)[1].files != second.files
