"""Splits, resizing and channels."""

from __future__ import annotations

import pytest
import torch
from pydantic import ValidationError

from tasks.data.images import convert_to_float, divide_images, make_splits, resize_images, select_balanced
from tasks.data.loading import load_splits
from tests.support.images import numbered, numbers, settings


def test_division_is_disjoint_complete_and_fixed_by_the_seed() -> None:
    kept, taken = divide_images(numbered(100), 0.2, seed=3)
    assert (len(kept), len(taken)) == (80, 20)
    assert numbers(kept) | numbers(taken) == set(range(100))
    assert numbers(divide_images(numbered(100), 0.2, seed=3)[1]) == numbers(taken)
    assert numbers(divide_images(numbered(100), 0.2, seed=4)[1]) != numbers(taken)


@pytest.mark.parametrize(("share", "taken"), [(0.0, 0), (0.04, 0), (0.24, 2), (0.26, 3), (0.96, 10)])
def test_a_share_is_rounded_to_the_nearest_number_of_images(share: float, taken: int) -> None:
    assert [len(part) for part in divide_images(numbered(10), share, seed=0)] == [10 - taken, taken]


def test_validation_comes_out_of_the_training_split_and_never_out_of_the_test_split() -> None:
    whole = numbered(100)
    train, test = divide_images(whole, 0.2, seed=0)
    found = make_splits(train, test, settings("digits", split={"validation": 0.25}, train_examples=40))
    assert (len(found.train), len(found.validation), len(found.test)) == (30, 10, 20)
    assert numbers(found.test) == numbers(test)
    assert not numbers(found.train) & numbers(found.validation)
    assert numbers(found.train) | numbers(found.validation) <= numbers(train)


def test_resizing_and_channels() -> None:
    found = load_splits(settings("digits", image_size=16, channels=3), None)
    assert found.test.pixels.shape[1:] == (3, 16, 16)
    assert torch.equal(found.test.pixels[:, 0], found.test.pixels[:, 2])


def test_both_choices_follow_the_seed_of_the_split_and_no_other() -> None:
    train, test = divide_images(numbered(100), 0.2, seed=0)

    def choose(seed: int, **fields: object) -> tuple[set[int], set[int]]:
        split = {"validation": 0.25, "seed": seed}
        found = make_splits(train, test, settings("digits", split=split, **fields))
        return numbers(found.train), numbers(found.validation)

    assert choose(3) == choose(3)
    for fields in ({}, {"train_examples": 60}):
        (one, held), (other, other_held) = choose(3, **fields), choose(4, **fields)
        assert one != other
        assert held != other_held
    limits = [make_splits(train, test, settings("digits", split={"seed": seed}, train_examples=60)) for seed in (3, 4)]
    assert numbers(limits[0].train) != numbers(limits[1].train)
    limited, held = choose(3, train_examples=80)
    assert (limited, held) == choose(3), "all images asked for is no limit"


def test_as_many_of_each_class_as_can_be() -> None:
    labels = torch.tensor([0] * 20 + [1] * 3 + [2] * 20)
    chosen = select_balanced(labels, 13, seed=5)
    assert labels[chosen].bincount().tolist() == [5, 3, 5]
    assert chosen.tolist() == sorted(set(chosen.tolist()))
    assert chosen.tolist() != select_balanced(labels, 13, seed=6).tolist()


def test_colours_become_their_mean_and_grey_becomes_three_alike() -> None:
    pixels = torch.tensor([30, 60, 120], dtype=torch.uint8).view(1, 3, 1, 1).expand(1, 3, 8, 8)
    grey = resize_images(pixels, settings("digits", channels=1))
    assert (grey.shape, grey.unique().tolist()) == ((1, 1, 8, 8), [70])
    assert resize_images(grey, settings("digits", channels=3)).unique().tolist() == [70]


def test_pixels_of_a_float_image_are_in_the_unit_interval() -> None:
    assert convert_to_float(torch.tensor([0, 51, 255], dtype=torch.uint8).view(3, 1, 1, 1)).flatten().tolist() == (
        pytest.approx([0.0, 0.2, 1.0])
    )


def test_a_long_thin_image_is_refused_before_it_is_scaled_to_be_cropped() -> None:
    thin = torch.zeros(1, 1, 1, 20_000, dtype=torch.uint8)
    with pytest.raises(ValueError, match=r"image of \(1, 20000\) would be cropped out of 81,920,000 pixels"):
        resize_images(thin, settings("digits", image_size=64, fit="center_crop"))
    assert resize_images(thin, settings("digits", image_size=64)).shape == (1, 1, 64, 64)


def test_a_center_crop_keeps_the_proportions_and_cuts_both_ends() -> None:
    """A dark image with a bright square in its middle third: squashed it is no square any more."""
    pixels = torch.zeros(1, 1, 20, 60, dtype=torch.uint8)
    pixels[:, :, :, 20:40] = 255
    cropped = resize_images(pixels, settings("digits", image_size=10, fit="center_crop"))
    assert cropped.shape == (1, 1, 10, 10)
    assert bool((cropped[..., 1:9] == 255).all())
    squashed = resize_images(pixels, settings("digits", image_size=10))
    assert int(squashed[..., 0].max()) == 0
    tall = resize_images(pixels.transpose(2, 3), settings("digits", image_size=10, fit="center_crop"))
    assert torch.equal(tall, cropped.transpose(2, 3))
    with pytest.raises(ValidationError, match="needs image_size"):
        settings("digits", fit="center_crop")
