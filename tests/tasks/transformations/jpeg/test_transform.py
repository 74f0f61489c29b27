"""JPEG: what PIL reads back of the same file, and worse with less quality."""

from __future__ import annotations

import io

import numpy as np
import pytest
import torch
from PIL import Image

from tasks.errors import StageError
from tasks.transformations.jpeg.settings import JpegSettings
from tasks.transformations.jpeg.transform import compress_jpeg
from tests.support.drawn import drawn_images, make_draws


@pytest.mark.parametrize("channels", [1, 3])
def test_images_are_compressed_one_by_one(channels: int) -> None:
    pixels = drawn_images(3, channels)
    found = compress_jpeg(pixels, JpegSettings(quality=60), make_draws(pixels))
    assert found.shape == pixels.shape
    for image, expected in zip(found, pixels, strict=True):
        stored = (expected * 255).round().to(torch.uint8).permute(1, 2, 0).squeeze(-1).numpy()
        file = io.BytesIO()
        Image.fromarray(stored).save(file, "JPEG", quality=60)
        read = torch.from_numpy(np.asarray(Image.open(file)).copy()).view(16, 16, channels).permute(2, 0, 1) / 255
        assert (image - read).abs().max() <= 6 / 255, "libjpeg and libjpeg-turbo round differently"


def test_less_quality_is_farther_from_the_image() -> None:
    pixels = (drawn_images() + 0.2 * torch.rand(4, 3, 16, 16, generator=torch.Generator().manual_seed(0))).clamp(0, 1)
    errors = [
        float((compress_jpeg(pixels, JpegSettings(quality=quality), make_draws(pixels)) - pixels).abs().mean())
        for quality in (95, 60, 10)
    ]
    assert errors == sorted(errors)
    assert errors[0] < 0.7 * errors[2]


def test_other_numbers_of_colours_are_refused() -> None:
    pixels = torch.rand(1, 4, 8, 8)
    with pytest.raises(StageError, match="4 channels; JPEG has 1 or 3"):
        compress_jpeg(pixels, JpegSettings(), make_draws(pixels))
