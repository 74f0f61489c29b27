"""Digits: the same at every load."""

from __future__ import annotations

import pytest
import torch

from tasks.data.loading import load_splits
from tasks.data.source import inspect_dataset
from tests.support.images import settings


def test_digits_are_uint8_and_the_same_at_every_load() -> None:
    first = load_splits(settings("digits"), None)
    load_splits.cache_clear()
    again = load_splits(settings("digits"), None)
    assert first.train.pixels.dtype == torch.uint8
    assert first.train.labels.dtype == torch.int64
    assert first.train.pixels.shape == (1438, 1, 8, 8)
    assert torch.equal(first.test.pixels, again.test.pixels)
    counted = inspect_dataset(settings("digits"), None)
    assert (counted.train_images, counted.test_images) == (len(first.train), len(first.test))


def test_so_many_digits_are_of_each_class_and_then_divided() -> None:
    asked = settings("digits", examples=40, split={"test": 0.3, "seed": 2})
    found = load_splits(asked, None)
    assert (len(found.train), len(found.test)) == (28, 12)
    labels = torch.cat([found.train.labels, found.test.labels])
    assert labels.bincount().tolist() == [4] * 10
    counted = inspect_dataset(asked, None)
    assert (counted.train_images, counted.test_images, counted.channels) == (28, 12, 1)
    whole = load_splits(settings("digits"), None)
    assert int(whole.train.pixels.max()) == 255, "sixteen shades are spread over all"


@pytest.mark.slow
def test_they_are_those_that_scikit_learn_loads() -> None:
    from sklearn.datasets import load_digits  # here: a process that only collects this test needs no two seconds for it

    digits = load_digits()
    found = load_splits(settings("digits"), None)
    taken = torch.cat([found.train.pixels, found.test.pixels]).flatten(1).tolist()
    labels = torch.cat([found.train.labels, found.test.labels]).tolist()
    shown = torch.tensor(digits.images / 16 * 255).round().to(torch.uint8).flatten(1).tolist()
    expected = sorted(zip(shown, digits.target.tolist(), strict=True))
    assert sorted(zip(taken, labels, strict=True)) == expected
