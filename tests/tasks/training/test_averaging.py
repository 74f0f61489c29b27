"""Averages of weights, written out on a linear model, and what they change in training."""

from __future__ import annotations

import contextlib
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn

from tasks.data.images import Images, convert_to_float
from tasks.training.averages import EmaSettings, SwaSettings
from tasks.training.averaging import WeightAverage
from tests.support.small import SGD, context, model_of, run, trial, weights
from tests.support.training import HELD_OUT, final_weights, interrupted

NOTHING = Images(torch.zeros(0, 1, 1, 1, dtype=torch.uint8), torch.zeros(0, dtype=torch.int64), ("a", "b"))


def set_weight(model: nn.Module, value: float) -> None:
    next(model.parameters()).data.fill_(value)


def read_weight(model: nn.Module) -> float:
    return next(model.parameters()).item()


def test_a_moving_average_forgets_its_first_weights_soon_and_then_decays() -> None:
    model = nn.Linear(1, 1, bias=False)
    set_weight(model, 8.0)
    average, expected = WeightAverage(model, EmaSettings(decay=0.25)), 8.0
    for step, value in enumerate([1.0, 2.0, -4.0, 0.5]):
        set_weight(model, value)
        average.note_step(model)
        decay = min(0.25, (1 + step) / (10 + step))
        expected = decay * expected + (1 - decay) * value
        average.note_epoch(model, NOTHING, step, 4)
    with average.shown_in(model):
        assert read_weight(model) == pytest.approx(expected)
    assert read_weight(model) == 0.5, "the weights in training are as they were"


def test_a_mean_is_of_the_epochs_after_its_start() -> None:
    model = nn.Linear(1, 1, bias=False)
    average = WeightAverage(model, SwaSettings(start=0.5))
    shown = []
    for epoch, value in enumerate([9.0, 1.0, 2.0, 6.0]):
        set_weight(model, value)
        average.note_step(model)
        average.note_epoch(model, NOTHING, epoch, 4)
        with average.shown_in(model):
            shown.append(read_weight(model))
    assert shown == pytest.approx([9.0, 1.0, 2.0, 4.0])
    average.write_to(model)
    assert read_weight(model) == pytest.approx(4.0)


def test_before_there_is_an_average_the_weights_themselves_count() -> None:
    model = nn.Linear(1, 1, bias=False)
    average = WeightAverage(model, SwaSettings(start=0.5))
    set_weight(model, 3.0)
    with average.shown_in(model):
        assert read_weight(model) == 3.0


def test_statistics_of_batch_norm_are_those_of_the_mean_weights() -> None:
    norm = nn.BatchNorm1d(1)
    model = nn.Sequential(nn.Flatten(), nn.Linear(1, 1, bias=False), norm).train()
    images = Images(torch.tensor([51, 102, 255], dtype=torch.uint8).view(3, 1, 1, 1), torch.zeros(3), ("a", "b"))
    average = WeightAverage(model, SwaSettings(start=0))
    for epoch, value in enumerate([1.0, 3.0]):
        set_weight(model, value)
        model(torch.randn(4, 1, 1, 1))
        assert norm.running_mean is not None
        own = norm.running_mean.clone()
        average.note_epoch(model, images, epoch, 2)
        assert torch.equal(norm.running_mean, own), "the statistics in training go on"
    level = 2.0 * convert_to_float(images.pixels).flatten()
    assert average.tensors["2.running_mean"].item() == pytest.approx(level.mean().item())
    assert average.tensors["2.running_var"].item() == pytest.approx(level.var().item())
    assert norm.momentum == 0.1


def test_a_moving_average_takes_in_the_statistics_of_batch_norm() -> None:
    model = nn.BatchNorm1d(1)
    average = WeightAverage(model, EmaSettings(decay=0.9))
    assert model.running_mean is not None
    model.running_mean.fill_(10.0)
    average.note_step(model)
    assert average.tensors["running_mean"].item() == pytest.approx(9.0)


SECTIONS: dict[str, Any] = {"epochs": 3, "batch_size": 50, "optimizer": SGD}


@pytest.mark.slow
@pytest.mark.parametrize("average", [{"name": "ema", "decay": 0.9}, {"name": "swa", "start": 0.3}], ids=str)
def test_what_is_validated_is_what_is_published_also_after_an_interruption(
    average: dict[str, Any], tmp_path: Path
) -> None:
    objective = {"name": "standard", "weight_averaging": average}
    asked: dict[str, Any] = {"dataset": HELD_OUT, "train": {**SECTIONS, "objective": objective}}
    at = context(tmp_path / "whole")
    record, judged = run(trial(**asked), at)
    plain = run(trial(dataset=HELD_OUT, train=SECTIONS), at)[0]
    one, other = weights(record, at), weights(plain, at)
    assert any(not torch.equal(one[name], other[name]) for name in one)
    assert record["metrics"]["validation_loss"] != plain["metrics"]["validation_loss"]
    assert record["metrics"]["train_loss"] == plain["metrics"]["train_loss"], "training itself is the same"
    assert judged["metrics"]["clean_correct"] > 5
    assert not model_of(record, at).training

    interrupted(asked, tmp_path / "killed", "train", 2)
    again = final_weights(asked, tmp_path / "killed")
    assert all(torch.equal(again[name], value) for name, value in one.items())


def test_the_best_epoch_is_that_of_the_average(tmp_path: Path) -> None:
    objective = {"name": "standard", "weight_averaging": {"name": "ema", "decay": 0.5}}
    train = {**SECTIONS, "objective": objective}
    kept = run(trial(dataset=HELD_OUT, train={**train, "keep": "best_loss"}), context(tmp_path))[0]
    last = run(trial(dataset=HELD_OUT, train={**train, "epochs": kept["metrics"]["epoch"] + 1}), context(tmp_path))[0]
    assert kept["metrics"]["validation_loss"] == last["metrics"]["validation_loss"]
    one, other = weights(kept, context(tmp_path)), weights(last, context(tmp_path))
    assert all(torch.equal(one[name], other[name]) for name in one)


def test_a_model_has_its_own_weights_again_also_after_an_error() -> None:
    model = nn.Linear(1, 1, bias=False)
    set_weight(model, 8.0)
    average = WeightAverage(model, EmaSettings(decay=0.25))
    set_weight(model, 2.0)
    average.note_step(model)
    average.note_epoch(model, NOTHING, 0, 4)
    with contextlib.suppress(ValueError), average.shown_in(model):
        assert read_weight(model) != 2.0
        raise ValueError("broken off")
    assert read_weight(model) == 2.0
