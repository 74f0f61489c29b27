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
