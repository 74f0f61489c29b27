"""Arrays that grow with their size: resized once per machine, and the same as in memory."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from tasks.data import resized
from tasks.data.images import resize_images
from tasks.data.loading import load_splits
from tasks.data.resized import hold_resized
from tasks.data.settings import DatasetSettings
from tasks.data.streamed import StreamedPixels
from tests.support.images import settings
from tests.support.small import write_mnist


def test_what_would_take_too_much_is_resized_into_one_file_and_streamed(
    tmp_path: Path, cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_mnist(tmp_path)
    plain = {"root": tmp_path, "image_size": 32, "channels": 3, "split": {"validation": 0.25}}
    memory, streamed = (load_splits(settings("mnist", **plain, **more), None) for more in ({}, {"stream_above": 0}))
    assert isinstance(streamed.train.stored, StreamedPixels)
    for there, read in ((memory.train, streamed.train), (memory.validation, streamed.validation)):
        assert torch.equal(there.stored, read.pixels)  # type: ignore[arg-type]
    load_splits.cache_clear()

    def refuse(*_: object) -> None:
        raise AssertionError("resized again")

    monkeypatch.setattr(resized, "resize_images", refuse)
    again = load_splits(settings("mnist", **plain, stream_above=0), None)
    assert torch.equal(again.test.pixels, memory.test.pixels)
    assert len(list((cache / "resized").glob("*.npy"))) == 2, "training and test images"


def test_resizing_that_was_broken_off_goes_on_where_it_was(cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pixels = torch.randint(0, 256, (10, 1, 8, 8), dtype=torch.uint8, generator=torch.Generator().manual_seed(0))
    asked = settings("digits", image_size=12, fit="center_crop", stream_above=0)
    expected, chunks = resize_images(pixels, asked), []
    monkeypatch.setattr(resized, "CHUNK", 4)
    monkeypatch.setattr(resized, "NOTE_EVERY", 0.0)

    def resize(part: torch.Tensor, chosen: DatasetSettings) -> torch.Tensor:
        chunks.append(len(part))
        if len(chunks) == 2:
            raise KeyboardInterrupt
        return resize_images(part, chosen)

    monkeypatch.setattr(resized, "resize_images", resize)
    with pytest.raises(KeyboardInterrupt):
        hold_resized(pixels, asked)
    assert torch.equal(hold_resized(pixels, asked)[:], expected)
    assert chunks == [4, 4, 4, 2], "the first four were there"
    other = asked.model_copy(update={"fit": "squash", "image_size": 16})
    assert hold_resized(pixels, other).shape == (10, 1, 16, 16)
    assert len(list((cache / "resized").glob("*.npy"))) == 2


def test_images_that_are_fitted_otherwise_have_a_file_of_their_own(cache: Path) -> None:
    pixels = torch.randint(0, 256, (3, 1, 8, 14), dtype=torch.uint8, generator=torch.Generator().manual_seed(0))
    for fit in ("squash", "center_crop"):
        asked = settings("digits", image_size=10, fit=fit, stream_above=0)
        assert torch.equal(hold_resized(pixels, asked)[:], resize_images(pixels, asked)), fit
    assert len(list((cache / "resized").glob("*.npy"))) == 2
