"""The splits of a trial: kept for the next stage, checked, and streamed where they are large."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch

from tasks.data import loading
from tasks.data.images import Images
from tasks.data.loading import load_splits
from tasks.data.streamed import StreamedPixels
from tasks.errors import UsageError
from tests.support.images import settings
from tests.support.small import write_images


class Given:
    """A source whose parts are written down."""

    def __init__(self, train: Images, test: Images) -> None:
        self.parts, self.folders = (train, test), list[Any]()

    def load(self, _: Any, folder: Path | None) -> tuple[Images, Images]:
        self.folders.append(folder)
        return self.parts


def give(monkeypatch: pytest.MonkeyPatch, train: list[int], test: list[int], pixels: int | None = None) -> Given:
    """Have every data set consist of images with these labels of three classes, and so many training images."""
    names = ("a", "b", "c")
    source = Given(
        Images(torch.zeros(pixels or len(train), 1, 8, 8, dtype=torch.uint8), torch.tensor(train), names),
        Images(torch.zeros(len(test), 1, 8, 8, dtype=torch.uint8), torch.tensor(test), names),
    )
    monkeypatch.setattr(loading, "load_source", lambda _: source)
    return source


def test_its_own_root_goes_before_the_folder_of_all(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    source = give(monkeypatch, [0, 2], [1])
    load_splits(settings("digits"), Path("everything"))
    load_splits(settings("digits", root=tmp_path), Path("everything"))
    load_splits(settings("digits", root=tmp_path), Path("everything"))
    assert source.folders == [Path("everything"), tmp_path]


@pytest.mark.parametrize(
    ("train", "test", "pixels", "message"),
    [
        ([0, 2], [0], 3, "digits: 3 training images have 2 labels"),
        ([0, -1], [0], None, "digits: a label of the training images is none of 3 classes"),
        ([0, 2], [1, 3], None, "digits: a label of the test images is none of 3 classes"),
    ],
)
def test_labels_on_which_a_loss_would_fail_are_refused(
    monkeypatch: pytest.MonkeyPatch, train: list[int], test: list[int], pixels: int | None, message: str
) -> None:
    give(monkeypatch, train, test, pixels)
    with pytest.raises(UsageError, match=f"^{message}$"):
        load_splits(settings("digits"), None)


def test_an_empty_split_has_no_label_that_could_be_wrong(monkeypatch: pytest.MonkeyPatch) -> None:
    give(monkeypatch, [0, 2], [])
    found = load_splits(settings("digits"), None)
    assert (len(found.train), len(found.validation), len(found.test)) == (2, 0, 0)


def test_a_split_of_as_many_gigabytes_as_may_be_is_held_in_memory(tmp_path: Path) -> None:
    """24 training and 6 test images of 3 x 8 x 8 bytes, 5 of the training ones held out: 3648, 960 and 1152 bytes."""
    write_images(tmp_path / "images", ("cat", "dog"), 15)

    def list_streamed(most: int) -> list[bool]:
        split = {"validation": 5 / 24}
        asked = settings("image_folder", root=tmp_path / "images", image_size=8, stream_above=most / 1e9, split=split)
        found = load_splits(asked, None)
        return [isinstance(part.stored, StreamedPixels) for part in (found.train, found.validation, found.test)]

    assert list_streamed(3648) == [False, False, False]
    assert list_streamed(3647) == [True, False, False]
    assert list_streamed(1151) == [True, False, True]
    assert list_streamed(0) == [True, True, True]
