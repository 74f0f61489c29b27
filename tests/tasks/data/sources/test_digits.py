"""Digits: the same at every load."""

from __future__ import annotations

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
