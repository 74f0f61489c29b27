"""Pixels of image files: those of a JPEG file are pinned, those of the other formats are what was written."""

from __future__ import annotations

import base64
import hashlib
import struct
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from tasks.data import image_files
from tasks.data.image_files import BROKEN, decode_image

JPEG = base64.b64decode(
    "/9j/4AAQSkZJRgABAQAAAQABAAD/2wBDAA0JCgsKCA0LCgsODg0PEyAVExISEyccHhcgLikxMC4pLSwzOko+MzZGNywtQFdBRkxOUlNSMj5aYVpQYEpR"
    "Uk//2wBDAQ4ODhMREyYVFSZPNS01T09PT09PT09PT09PT09PT09PT09PT09PT09PT09PT09PT09PT09PT09PT09PT09PT0//wAARCAAMAAoDASIAAhEB"
    "AxEB/8QAFQABAQAAAAAAAAAAAAAAAAAABQb/xAAgEAACAQMEAwAAAAAAAAAAAAABAgADBAUSIjFRISNB/8QAFQEBAQAAAAAAAAAAAAAAAAAAAwT/xAAd"
    "EQABAwUBAAAAAAAAAAAAAAABAAIFEhMUMcHw/9oADAMBAAIRAxEAPwCfxmGBALL4ji4ZNI9TcdRfHW9IU02/CY4ttTKg7uO5PkNAAp9vqeLkn2l//9k="
)
"""10 x 12 coloured pixels with halved colours, as a camera writes them."""


def draw(height: int = 11, width: int = 7) -> NDArray[np.uint8]:
    """uint8 [H, W, 3], no two channels alike."""
    return np.random.default_rng(0).integers(0, 256, (height, width, 3), dtype=np.uint8)


@pytest.mark.parametrize(("channels", "digest"), [(3, "a2d2b317bd97ff1e"), (1, "182a2af9d7f2e2e3")])
def test_the_pixels_of_a_jpeg_file_are_those_that_torchvision_gave(channels: int, digest: str, tmp_path: Path) -> None:
    (tmp_path / "a.jpg").write_bytes(JPEG)
    pixels = decode_image(tmp_path / "a.jpg", channels)
    assert pixels.shape == (channels, 12, 10)
    assert hashlib.sha256(pixels.numpy().tobytes()).hexdigest()[:16] == digest


@pytest.mark.parametrize("suffix", ["png", "bmp", "ppm", "tif", "webp"])
def test_formats_without_loss_give_what_was_written(suffix: str, tmp_path: Path) -> None:
    Image.fromarray(draw()).save(tmp_path / f"a.{suffix}", lossless=True)
    assert np.array_equal(decode_image(tmp_path / f"a.{suffix}", 3).permute(1, 2, 0).numpy(), draw())


def test_grey_of_a_png_file_is_the_luma_that_libpng_makes(tmp_path: Path) -> None:
    pixels = np.array([[[158, 188, 30], [47, 217, 154], [255, 255, 255], [9, 9, 9]]], np.uint8)
    Image.fromarray(pixels).save(tmp_path / "a.png")
    assert decode_image(tmp_path / "a.png", 1).tolist() == [[[160, 158, 255, 9]]]


def test_grey_files_give_one_channel_or_three_alike(tmp_path: Path) -> None:
    grey = draw()[..., 0]
    Image.fromarray(grey).save(tmp_path / "a.png")
    assert np.array_equal(decode_image(tmp_path / "a.png", 1)[0].numpy(), grey)
    assert np.array_equal(decode_image(tmp_path / "a.png", 3).numpy(), np.stack([grey] * 3))


@pytest.mark.parametrize("suffix", ["png", "tif", "pgm"])
@pytest.mark.parametrize("channels", [1, 3])
def test_of_sixteen_bits_the_upper_eight_are_kept(channels: int, suffix: str, tmp_path: Path) -> None:
    upper = draw()[..., 0]
    deep = upper.astype(np.uint16) * 256 + draw()[..., 1]
    if suffix == "pgm":
        (tmp_path / "a.pgm").write_bytes(b"P5 7 11 65535\n" + deep.astype(">u2").tobytes())
    else:
        Image.fromarray(deep).save(tmp_path / f"a.{suffix}")
    assert np.array_equal(decode_image(tmp_path / f"a.{suffix}", channels).numpy(), np.stack([upper] * channels))


def test_palettes_and_transparency_give_the_colours_below(tmp_path: Path) -> None:
    opaque = np.dstack([draw(), draw()[..., :1]])
    Image.fromarray(opaque).save(tmp_path / "a.png")
    assert np.array_equal(decode_image(tmp_path / "a.png", 3).permute(1, 2, 0).numpy(), draw())
    few = Image.fromarray(draw() // 128 * 255).quantize(8)
    few.save(tmp_path / "b.png")
    assert np.array_equal(decode_image(tmp_path / "b.png", 3).permute(1, 2, 0).numpy(), np.array(few.convert("RGB")))


def test_an_image_is_not_turned_by_its_exif(tmp_path: Path) -> None:
    turned = Image.Exif()
    turned[0x0112] = 6
    Image.fromarray(draw()).save(tmp_path / "a.png", exif=turned)
    assert decode_image(tmp_path / "a.png", 3).shape == (3, 11, 7)


@pytest.mark.parametrize("suffix", ["jpg", "png", "bmp", "tif", "webp"])
def test_a_file_that_is_cut_or_damaged_is_refused(suffix: str, tmp_path: Path) -> None:
    path = tmp_path / f"a.{suffix}"
    Image.fromarray(draw(60, 50)).save(path)
    whole = path.read_bytes()
    for content in (b"", b"no image", whole[: len(whole) // 2], whole[:20]):
        path.write_bytes(content)
        with pytest.raises(BROKEN):
            decode_image(path, 3)


def test_a_png_file_with_damage_inside_is_refused_and_ends_no_process(tmp_path: Path) -> None:
    path = tmp_path / "a.png"
    Image.fromarray(draw(375, 500)).save(path)
    content = bytearray(path.read_bytes())
    middle = len(content) // 2
    content[middle : middle + 40] = bytes(40)
    path.write_bytes(content)
    with pytest.raises(BROKEN):
        decode_image(path, 3)


def test_floats_and_other_kinds_of_files_are_refused(tmp_path: Path) -> None:
    Image.fromarray(draw()[..., 0].astype(np.float32)).save(tmp_path / "a.tif")
    Image.fromarray(draw()).save(tmp_path / "b.eps")  # Pillow would start Ghostscript for it
    (tmp_path / "b.eps").rename(tmp_path / "b.png")
    for name in ("a.tif", "b.png"):
        with pytest.raises(BROKEN):
            decode_image(tmp_path / name, 3)


def test_an_image_of_too_many_pixels_is_refused_before_it_is_decoded(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    Image.fromarray(draw()).save(tmp_path / "a.png")
    monkeypatch.setattr(image_files, "MOST_PIXELS", 76)
    with pytest.raises(ValueError, match=r"\d+ x \d+ pixels; the most that is read is 76"):
        decode_image(tmp_path / "a.png", 3)
    header = bytearray((tmp_path / "a.png").read_bytes())
    header[16:24] = struct.pack(">II", 20_000, 20_000)  # which Pillow refuses by an error of its own
    (tmp_path / "a.png").write_bytes(header)
    with pytest.raises(BROKEN):
        decode_image(tmp_path / "a.png", 3)
