"""Quilting: patches that are there, the nearest of them, and seams of least error."""

from __future__ import annotations

import itertools

import pytest
import torch

from tasks.errors import StageError
from tasks.transformations.quilting.settings import QuiltingSettings
from tasks.transformations.quilting.transform import (
    find_nearest,
    find_seam,
    list_places,
    quilt_images,
    sample_patches,
    stitch,
)
from tests.support.drawn import drawn_images, make_draws

SMALL = QuiltingSettings(patch=4, overlap=2, database=300, neighbours=1)


def test_patches_cover_an_image_to_its_end() -> None:
    assert list_places(10, SMALL) == [0, 2, 4, 6]
    assert list_places(9, SMALL) == [0, 2, 4, 5]
    assert list_places(4, SMALL) == [0]


def test_every_patch_stands_in_a_training_image() -> None:
    images = torch.rand(3, 1, 6, 7, generator=torch.Generator().manual_seed(0))
    patches = sample_patches(images, SMALL)
    assert patches.shape == (300, 1, 4, 4)
    windows = images.unfold(2, 4, 1).unfold(3, 4, 1).reshape(-1, 1, 4, 4)
    assert all((windows == patch).flatten(1).all(1).any() for patch in patches)
    assert len({tuple(patch.flatten().tolist()) for patch in patches}) == len(windows), "from every place"


def test_the_nearest_patches_come_first() -> None:
    drawn = torch.Generator().manual_seed(1)
    wanted, known = torch.rand(5, 3, 4, 4, generator=drawn), torch.rand(50, 3, 4, 4, generator=drawn)
    distances = torch.cdist(wanted.flatten(1), known.flatten(1))
    assert torch.equal(find_nearest(wanted, known, 7), distances.argsort(1)[:, :7])


def test_a_seam_has_the_least_error_of_all_paths() -> None:
    error = torch.rand(6, 4, 3, generator=torch.Generator().manual_seed(2))
    found = find_seam(error)
    for image, before in zip(error, found, strict=True):
        places = before.sum(1).tolist()
        assert all(torch.equal(row, torch.arange(3) < place) for row, place in zip(before, places, strict=True))
        paths = [
            path
            for path in itertools.product(range(3), repeat=4)
            if all(abs(one - two) <= 1 for one, two in itertools.pairwise(path))
        ]
        least = min(paths, key=lambda path: sum(float(image[row, place]) for row, place in enumerate(path)))
        assert tuple(places) == least


def test_old_pixels_stand_before_the_seam_alone() -> None:
    old, fresh = torch.zeros(1, 1, 4, 4), torch.ones(1, 1, 4, 4)
    assert torch.equal(stitch(old, fresh, 2, above=False, left=False), fresh)
    beside = stitch(old, fresh, 2, above=False, left=True)
    assert (beside[..., 2:] == 1).all()
    below = stitch(old, fresh, 2, above=True, left=False)
    assert torch.equal(below.transpose(2, 3), beside)


def test_an_image_of_known_patches_is_itself() -> None:
    images = drawn_images(2, 1, 8)
    every = QuiltingSettings(patch=4, overlap=2, database=4000, neighbours=1)
    torch.testing.assert_close(quilt_images(images, every, make_draws(images, training=images)), images)


def test_images_smaller_than_a_patch_are_refused() -> None:
    images = torch.rand(1, 1, 3, 8)
    with pytest.raises(StageError, match="patches of 4 pixels are larger than the images"):
        quilt_images(images, SMALL, make_draws(images, training=torch.rand(1, 1, 8, 8)))


@pytest.mark.parametrize("raw", [{"patch": 3, "overlap": 3}, {"database": 5, "neighbours": 6}])
def test_settings_that_contradict_each_other_are_refused(raw: dict[str, int]) -> None:
    with pytest.raises(ValueError, match="must be"):
        QuiltingSettings(**raw)
