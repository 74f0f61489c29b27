"""Pixels that are read batch by batch: the same as those in memory, in every way in which a stage asks for them."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from tasks.data.images import Images, divide_images, make_splits
from tasks.data.loading import load_splits
from tasks.data.settings import DatasetSettings
from tasks.data.streamed import StreamedPixels
from tests.support import small
from tests.support.images import settings
from tests.support.small import write_images

COUNT = 20


@pytest.fixture
def stored(tmp_path: Path) -> tuple[StreamedPixels, Tensor]:
    pixels = torch.randint(0, 256, (COUNT, 3, 4, 5), dtype=torch.uint8, generator=torch.Generator().manual_seed(0))
    np.save(tmp_path / "pixels.npy", pixels.numpy())
    return StreamedPixels.open(tmp_path / "pixels.npy"), pixels


def test_every_way_to_read_gives_what_is_in_memory(stored: tuple[StreamedPixels, Tensor]) -> None:
    streamed, pixels = stored
    order = torch.randperm(COUNT, generator=torch.Generator().manual_seed(1))
    for chosen, there in (
        (streamed, pixels),
        (streamed.select(order[:9]), pixels[order[:9]]),
        (streamed.select(order).select(pixels[order, 0, 0, 0] > 100), pixels[order][pixels[order, 0, 0, 0] > 100]),
    ):
        assert (chosen.shape, len(chosen), chosen.nbytes) == (there.shape, len(there), there.nbytes)
        few = torch.tensor([5, 0, 5, len(there) - 1])
        assert torch.equal(chosen[few], there[few])
        assert torch.equal(chosen[slice(2, 6)], there[2:6])
        assert torch.equal(chosen[slice(100)], there)
        assert torch.equal(chosen.load(), there)
        assert all(map(torch.equal, chosen.split(4), there.split(4)))
        batches = order[order < len(there)].split(3)
        assert all(
            torch.equal(read, there[batch]) for read, batch in zip(chosen.read_batches(batches), batches, strict=True)
        )
    assert streamed.select(torch.zeros(0, dtype=torch.int64))[slice(None)].shape == (0, 3, 4, 5)


def test_the_next_batches_are_read_ahead_and_no_more(
    stored: tuple[StreamedPixels, Tensor], monkeypatch: pytest.MonkeyPatch
) -> None:
    streamed, pixels = stored
    read: list[str] = []
    real = np.load

    def note(*args: Any, **kwargs: Any) -> Any:
        read.append(threading.current_thread().name)
        return real(*args, **kwargs)

    monkeypatch.setattr(np, "load", note)
    batches: Iterator[Tensor] = streamed.read_batches(torch.arange(COUNT).split(2))
    assert torch.equal(next(batches), pixels[:2])
    batches.close()  # type: ignore[attr-defined]
    assert 1 <= len(read) <= 3, "a reader that nobody asks any more goes on"
    assert all(name.startswith("reads-images") for name in read), "the one that computes reads"
    assert not any(thread.name.startswith("reads-images") for thread in threading.enumerate())


def test_splits_of_streamed_images_are_those_of_images_in_memory(stored: tuple[StreamedPixels, Tensor]) -> None:
    streamed, pixels = stored
    labels = torch.arange(COUNT) % 4
    asked = settings("digits", train_examples=15, split={"validation": 0.2})
    found = [
        make_splits(*divide_images(Images(form, labels, tuple("abcd")), 0.2, 3), asked) for form in (streamed, pixels)
    ]
    for part in ("train", "validation", "test"):
        one, other = (getattr(splits, part) for splits in found)
        assert isinstance(one.stored, StreamedPixels)
        assert torch.equal(one.pixels, other.pixels)
        assert torch.equal(one.labels, other.labels)


def test_only_a_split_above_the_limit_is_streamed(tmp_path: Path) -> None:
    write_images(tmp_path / "images", ("cat", "dog"), 10)
    size = 16 * 3 * 16 * 16
    asked = settings("image_folder", root=tmp_path / "images", image_size=16, stream_above=(size - 1) / 1e9)
    found = load_splits(asked, None)
    kinds = [isinstance(part.stored, StreamedPixels) for part in (found.train, found.validation, found.test)]
    assert kinds == [True, False, False]
    same = load_splits(asked.model_copy(update={"stream_above": size / 1e9}), None)
    assert isinstance(same.train.stored, Tensor)
    assert torch.equal(same.train.pixels, found.train.pixels)
    chosen = load_splits(asked.model_copy(update={"train_examples": 15}), None)
    assert isinstance(chosen.train.stored, Tensor), "a few images of a large set"


@pytest.mark.slow
def test_a_trial_on_streamed_images_is_the_same_to_the_bit(tmp_path: Path) -> None:
    write_images(tmp_path / "images", ("cat", "dog"), 30)
    asked = DatasetSettings.model_validate(
        {
            "name": "image_folder",
            "root": tmp_path / "images",
            "image_size": 8,
            "split": {"validation": 0.2},
            "augment": {"flip": True, "crop": 1},
        }
    )
    epochs = {
        "epochs": 2,
        "batch_size": 16,
        "optimizer": small.SGD,
        "objective": {"name": "standard", "weight_averaging": {"name": "swa", "start": 0.5}},
    }
    attack = {"name": "pgd", "eps": "8/255", "steps": 2, "examples": 6, "only_correct": True, "batch_size": 4}
    found = []
    for place, limit in (("memory", 4.0), ("streamed", 0.0)):
        (tmp_path / place).mkdir()
        load_splits.cache_clear()
        dataset = asked.model_copy(update={"stream_above": limit})
        at = small.context(tmp_path / place)
        tuned = {
            "lambda": 0.5,
            "attack": {"name": "ifgsm", "eps": "8/255", "steps": 2},
            "epochs": 1,
            "batch_size": 16,
            "optimizer": small.SGD,
            "fixed_examples": 20,
        }
        records = small.run(
            small.trial(dataset=dataset.model_dump(), train=epochs, adversarial_finetune=tuned, attack=attack), at
        )
        found.append(
            [
                (
                    record["key"],
                    {name: entry["sha256"] for name, entry in record["files"].items() if "history" not in name},
                )
                for record in records
            ]
        )
    assert found[0] == found[1]
