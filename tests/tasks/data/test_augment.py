"""Augmentation: what moves, by how much, and what stays."""

from __future__ import annotations

import torch

from tasks.data.augment import augment_images
from tasks.data.settings import AugmentSettings
from tests.support.images import numbered


def test_flip_mirrors_about_half_of_the_images_and_nothing_else() -> None:
    pixels = torch.randint(0, 256, (400, 3, 6, 6), dtype=torch.uint8)
    out = augment_images(pixels, AugmentSettings(flip=True), torch.Generator().manual_seed(0))
    same = (out == pixels).flatten(1).all(1)
    mirrored = (out == pixels.flip(3)).flatten(1).all(1)
    assert bool((same | mirrored).all())
    assert 150 < int(mirrored.sum()) < 250


def test_crop_moves_each_image_by_at_most_the_padding() -> None:
    pixels = torch.zeros(50, 1, 9, 9, dtype=torch.uint8)
    pixels[:, :, 4, 4] = 255
    out = augment_images(pixels, AugmentSettings(crop=2), torch.Generator().manual_seed(0))
    places = out.flatten(1).float().argmax(1)
    rows, columns = places // 9, places % 9
    assert out.dtype == torch.uint8
    assert (int(rows.min()), int(rows.max()), int(columns.min()), int(columns.max())) == (2, 6, 2, 6)


def test_without_augmentation_images_stay_as_they_are() -> None:
    pixels = numbered(5).pixels
    assert augment_images(pixels, AugmentSettings(), torch.Generator()) is pixels


def test_a_resized_crop_shows_a_window_of_at_least_its_share() -> None:
    """Values that rise along each axis tell where a window begins and ends."""
    size = 64
    rising = torch.arange(size).mul(3).byte()
    pixels = torch.stack([rising[None, :].expand(size, -1), rising[:, None].expand(-1, size)])[None].repeat(
        200, 1, 1, 1
    )
    out = augment_images(pixels, AugmentSettings(resized_crop=0.25), torch.Generator().manual_seed(0))
    assert out.shape == pixels.shape
    assert out.dtype == torch.uint8
    width = (out[:, 0, 32, -1].float() - out[:, 0, 32, 0].float()) / 3 / (size - 1)
    height = (out[:, 1, -1, 32].float() - out[:, 1, 0, 32].float()) / 3 / (size - 1)
    assert float((width * height).min()) > 0.2
    assert float(width.min()) < 0.7, "it is not the whole image"
    assert float((width / height).max()) < 4 / 3 + 0.1
    assert float((height / width).max()) < 4 / 3 + 0.1
    for line in (out[:, 0, 32].float(), out[:, 1, :, 32].float()):
        slope = (line[:, 48] - line[:, 16]) / 32
        assert float((line[:, -1] - line[:, 0] - (size - 1) * slope).abs().max()) < 7, "no window leaves the image"
    whole = augment_images(pixels, AugmentSettings(resized_crop=1), torch.Generator().manual_seed(0))
    assert not torch.equal(whole, out)


def test_the_same_numbers_cut_the_same_windows() -> None:
    pixels = torch.randint(0, 256, (20, 3, 16, 16), dtype=torch.uint8)
    one, other = (
        augment_images(pixels, AugmentSettings(resized_crop=0.1), torch.Generator().manual_seed(7)) for _ in range(2)
    )
    assert torch.equal(one, other)
