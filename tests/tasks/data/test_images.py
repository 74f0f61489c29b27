"""Splits, resizing and channels."""

from __future__ import annotations

import torch

from tasks.data.images import divide_images, make_splits
from tasks.data.loading import load_splits
from tests.support.images import numbered, numbers, settings


def test_division_is_disjoint_complete_and_fixed_by_the_seed() -> None:
    kept, taken = divide_images(numbered(100), 0.2, seed=3)
    assert (len(kept), len(taken)) == (80, 20)
    assert numbers(kept) | numbers(taken) == set(range(100))
    assert numbers(divide_images(numbered(100), 0.2, seed=3)[1]) == numbers(taken)
    assert numbers(divide_images(numbered(100), 0.2, seed=4)[1]) != numbers(taken)


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
