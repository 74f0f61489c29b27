"""The training of a generator: images in an order of the epoch, sums over images, and first weights of a seed."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest
import torch
from torch import nn

from tasks.contracts import toy
from tasks.data.images import Images
from tasks.generators.advgan.settings import AdvGanGeneratorSettings
from tasks.generators.job import EpochSums, GeneratorJob, build_generator


class Kept:
    """A checkpoint that has saved some batches."""

    def __init__(self, saved: int) -> None:
        self.saved_batches, self.told = saved, list[Any]()

    def resume(self, parts: Mapping[str, Any]) -> int:
        self.told.append(sorted(parts))
        return 3

    def begin_reading(self) -> None:
        self.told.append("begins")

    def note_batch(self, batches: int) -> None:
        self.told.append(batches)


def make_job(kept: Kept | None = None, seed: int = 5) -> GeneratorJob:
    pixels = torch.arange(0, 250, 25, dtype=torch.uint8).view(10, 1, 1, 1)
    return GeneratorJob(Images(pixels, torch.arange(10), tuple("0123456789")), seed, None, lambda _: None, kept)


def read(job: GeneratorJob, epoch: int, size: int = 4) -> list[list[int]]:
    """The labels of each batch; the pixels go with them."""
    found = []
    for pixels, labels in job.read_epoch(epoch, size):
        assert (pixels.flatten() * 255 / 25).round().tolist() == labels.tolist()
        found.append(labels.tolist())
    return found


def test_all_images_come_once_in_an_order_of_the_epoch_and_the_seed() -> None:
    first = read(make_job(), 0)
    assert [len(batch) for batch in first] == [4, 4, 2]
    assert sorted(label for batch in first for label in batch) == list(range(10))
    assert read(make_job(), 0) == first
    assert read(make_job(), 1) != first != read(make_job(seed=6), 0)


def test_what_a_checkpoint_has_saved_is_left_out_and_the_last_batch_is_not_noted() -> None:
    whole, kept, again = read(make_job(), 2, 3), Kept(0), Kept(2)
    assert read(make_job(kept), 2, 3) == whole
    assert kept.told == ["begins", 1, 2, 3]
    assert read(make_job(again), 2, 3) == whole[2:]
    assert again.told == ["begins", 3]
    assert make_job(again).resume(network=nn.Flatten(), optimizer=nn.Flatten()) == 3
    assert again.told[-1] == ["network", "optimizer"]
    assert (make_job().resume(), make_job().finished_batches, make_job(again).finished_batches) == (0, 0, 2)


def test_random_numbers_are_those_of_a_purpose() -> None:
    job, like = make_job(), torch.zeros(2, 1, 3, 3)
    one = job.draw_normal(like, 1)
    assert one.shape == like.shape
    assert torch.equal(one, job.draw_normal(like, 1))
    assert not torch.equal(one, job.draw_normal(like, 2))
    assert not torch.equal(one, make_job(seed=6).draw_normal(like, 1))


def test_figures_are_means_over_images_and_begin_anew() -> None:
    sums = EpochSums(2, torch.device("cpu"))
    sums.add(3, torch.tensor(6.0, requires_grad=True), torch.tensor(1))
    again = EpochSums(2, torch.device("cpu"))
    again.load_state_dict(sums.state_dict())
    sums.add(1, torch.tensor(2.0), torch.tensor(0))
    assert sums.take_means() == [2.0, 0.25]
    sums.add(2, torch.tensor(1.0), torch.tensor(4))
    assert sums.take_means() == [0.5, 2.0]
    assert again.take_means() == pytest.approx([2.0, 1 / 3])


def test_first_weights_follow_from_the_seed_and_take_no_random_numbers() -> None:
    before = torch.get_rng_state()
    one, two, other = (
        build_generator(AdvGanGeneratorSettings(epochs=1, width=4, eps=0.1), (1, 8, 8), toy.CLASSES, seed).state_dict()
        for seed in (1, 1, 2)
    )
    assert torch.equal(torch.get_rng_state(), before)
    assert all(torch.equal(value, two[name]) for name, value in one.items())
    assert any(not torch.equal(value, other[name]) for name, value in one.items())
