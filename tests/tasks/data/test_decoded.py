"""Decoded images: once per machine, mapped, and made again where they have changed."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from PIL import Image
from torch import Tensor

from tasks.data import decoding, image_files
from tasks.data.image_files import decode_image
from tasks.data.loading import load_splits
from tasks.errors import UsageError
from tests.support.images import settings
from tests.support.small import write_images


def test_images_are_decoded_once_and_mapped(tmp_path: Path, cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_images(tmp_path / "images", ("cat", "dog"), 5)
    asked = settings("image_folder", root=tmp_path / "images", image_size=16)
    first = load_splits(asked, None)
    load_splits.cache_clear()

    def refuse(*_: object) -> None:
        raise AssertionError("decoded again")

    monkeypatch.setattr(decoding, "decode_image", refuse)
    again = load_splits(asked, None)
    assert torch.equal(first.train.pixels, again.train.pixels)
    files = list((cache / "decoded").glob("*.npy"))
    assert len(files) == 2
    assert again.train.pixels.untyped_storage().nbytes() in [file.stat().st_size - 128 for file in files]


def test_a_decoded_file_that_has_changed_is_made_again(tmp_path: Path, cache: Path) -> None:
    write_images(tmp_path / "images", ("cat", "dog"), 5)
    asked = settings("image_folder", root=tmp_path / "images", image_size=16)
    first = load_splits(asked, None).train.pixels.clone()
    load_splits.cache_clear()
    for file in (cache / "decoded").glob("*.npy"):
        content = bytearray(file.read_bytes())
        content[-1] ^= 0xFF
        file.write_bytes(content)
    assert torch.equal(load_splits(asked, None).train.pixels, first)


def test_decoded_images_whose_checksum_was_never_written_are_made_again(tmp_path: Path, cache: Path) -> None:
    """A kill may come between the two files."""
    write_images(tmp_path / "images", ("cat", "dog"), 5)
    asked = settings("image_folder", root=tmp_path / "images", image_size=16)
    first = load_splits(asked, None).train.pixels.clone()
    load_splits.cache_clear()
    written = {file.name for file in (cache / "decoded").iterdir()}
    for file in (cache / "decoded").glob("*.sha256"):
        file.unlink()
    assert torch.equal(load_splits(asked, None).train.pixels, first)
    assert {file.name for file in (cache / "decoded").iterdir()} == written


def test_other_sizes_are_decoded_apart(tmp_path: Path, cache: Path) -> None:
    write_images(tmp_path / "images", ("cat", "dog"), 5)
    for size in (8, 16):
        load_splits(settings("image_folder", root=tmp_path / "images", image_size=size), None)
    assert len(list((cache / "decoded").glob("*.npy"))) == 4


def test_a_cache_that_cannot_be_written_says_what_to_set(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_images(tmp_path / "images", ("cat", "dog"), 5)
    (tmp_path / "file").write_text("no folder")
    monkeypatch.setenv("ADVSWEEP_CACHE", str(tmp_path / "file"))
    with pytest.raises(UsageError, match="set ADVSWEEP_CACHE"):
        load_splits(settings("image_folder", root=tmp_path / "images", image_size=16), None)


def test_corrupt_images_are_counted_and_named(tmp_path: Path) -> None:
    images = tmp_path / "images"
    write_images(images, ("cat", "dog"), 4)
    (images / "cat" / "broken.jpg").write_bytes(b"\xff\xd8 not an image")
    (images / "dog" / "cut.png").write_bytes((images / "dog" / "000.png").read_bytes()[:100])
    with pytest.raises(UsageError, match=r"2 of 10 images cannot be used: (cat|dog).* \(.+\), (cat|dog).* \(.+\)"):
        load_splits(settings("image_folder", root=images, image_size=16), None)


def test_an_image_that_is_too_large_is_refused_with_its_size_and_the_limit(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_images(tmp_path / "images", ("cat", "dog"), 4)
    Image.new("RGB", (300, 200)).save(tmp_path / "images" / "cat" / "large.png")
    monkeypatch.setattr(image_files, "MOST_PIXELS", 50_000)
    asked = settings("image_folder", root=tmp_path / "images", image_size=16)
    with pytest.raises(UsageError, match=r"cat/large\.png \(300 x 200 pixels; the most that is read is 50,000\)"):
        load_splits(asked, None)


def test_threads_decode_each_image_into_its_place(tmp_path: Path, cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_images(tmp_path / "images", ("cat", "dog"), 12)
    asked = settings("image_folder", root=tmp_path / "images", image_size=16)
    monkeypatch.setattr(decoding, "count_threads", lambda: 1)
    alone = load_splits(asked, None).train.pixels.clone()
    for file in (cache / "decoded").glob("*"):
        file.unlink()
    load_splits.cache_clear()
    monkeypatch.setattr(decoding, "count_threads", lambda: 8)
    monkeypatch.setattr(decoding, "PORTION", 5)
    assert torch.equal(load_splits(asked, None).train.pixels, alone)
    cropped = settings("image_folder", root=tmp_path / "images", image_size=16, fit="center_crop")
    load_splits(cropped, None)
    assert len(list((cache / "decoded").glob("*.npy"))) == 4, "cropped images are kept apart"


def test_who_goes_on_after_a_kill_decodes_what_is_missing(
    tmp_path: Path, cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_images(tmp_path / "images", ("cat", "dog"), 15)
    asked = settings("image_folder", root=tmp_path / "images", image_size=16)
    whole = load_splits(asked, None).train.pixels.clone()
    for file in (cache / "decoded").glob("*"):
        file.unlink()
    load_splits.cache_clear()
    decoded: list[str] = []

    def decode(path: Path, channels: int) -> Tensor:
        decoded.append(str(path))
        if len(decoded) == 18:
            raise KeyboardInterrupt
        return decode_image(path, channels)

    for name, value in (("decode_image", decode), ("PORTION", 5), ("NOTE_EVERY", 0.0), ("count_threads", lambda: 1)):
        monkeypatch.setattr(decoding, name, value)
    with pytest.raises(KeyboardInterrupt):
        load_splits(asked, None)
    assert len(decoded[:15]) == len(set(decoded[:15])) == 15
    noted = set(decoded[:15])
    decoded[:] = [""] * 20
    assert torch.equal(load_splits(asked, None).train.pixels, whole)
    again = [path for path in decoded[20:] if path]
    assert len(again) == 30 - 15
    assert not noted & set(again), "what had been noted was decoded again"
    assert {file.suffix for file in (cache / "decoded").iterdir()} == {".npy", ".sha256", ".lock"}


def test_corrupt_images_are_named_also_by_who_goes_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    images = tmp_path / "images"
    write_images(images, ("cat", "dog"), 15)
    (images / "cat" / "000.png").write_bytes(b"no image")
    asked = settings("image_folder", root=images, image_size=16, split={"test": 0.01})
    real, calls = decoding.Draft.note, []

    def note(draft: decoding.Draft, done: int, corrupt: list[int]) -> None:
        real(draft, done, corrupt)
        calls.append(done)
        if len(calls) == 2:
            raise KeyboardInterrupt

    for name, value in (("PORTION", 5), ("NOTE_EVERY", 0.0)):
        monkeypatch.setattr(decoding, name, value)
    monkeypatch.setattr(decoding.Draft, "note", note)
    with pytest.raises(KeyboardInterrupt):
        load_splits(asked, None)
    with pytest.raises(UsageError, match=r"1 of 30 images cannot be used: cat/000\.png"):
        load_splits(asked, None)
    assert calls[2:] == [15, 20, 25, 30]


def test_who_tells_nobody_writes_into_the_log_how_far_it_is(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(decoding, "SAY_EVERY", 0.0)
    monkeypatch.setattr(decoding, "PORTION", 6)
    write_images(tmp_path / "images", ("cat", "dog"), 10)
    with caplog.at_level("INFO"):
        load_splits(settings("image_folder", root=tmp_path / "images", image_size=16, split={"test": 0.5}), None)
    said = ["decoding images: 6 of 10", "decoding images: 10 of 10"]
    assert [record.getMessage() for record in caplog.records] == said * 2
