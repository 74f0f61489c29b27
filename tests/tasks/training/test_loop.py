"""The training loop: it learns, says how, and fails honestly."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest
import torch
from torch import Tensor, nn

from tasks.data.images import Images, Splits
from tasks.data.settings import AugmentSettings
from tasks.errors import StageError
from tasks.training.checkpoint import TrainingProgress
from tasks.training.loop import assess, count_steps, fit
from tasks.training.objectives.step import Batch, StepOutcome
from tasks.training.optimizers import build_optimizer
from tasks.training.settings import TrainSettings
from tests.support.small import context, run, stages_of, trial
from tests.support.training import ADAM, make_draw


def test_a_loss_that_is_not_finite_fails_the_stage(tmp_path: Path) -> None:
    wild = {"epochs": 2, "batch_size": 50, "optimizer": {"name": "sgd", "lr": 1e30}}
    with pytest.raises(StageError, match="NaN or infinite in epoch 0: lower the learning rate"):
        run(trial(train=wild), context(tmp_path))


@pytest.mark.slow
def test_training_learns_and_its_history_says_how(tmp_path: Path) -> None:
    sections = {
        "dataset": {"name": "digits", "train_examples": 700, "split": {"validation": 0.2}},
        "train": {"epochs": 3, "batch_size": 50, "optimizer": ADAM},
    }
    at = context(tmp_path)
    (stage, _), records = stages_of(trial(**sections)), run(trial(**sections), at)
    history = pq.read_table(tmp_path / "stages" / stage.key / "history.parquet").to_pylist()
    assert [row["epoch"] for row in history] == [0, 1, 2]
    assert history[-1]["train_loss"] < history[0]["train_loss"]
    assert history[-1]["validation_accuracy"] > 0.8
    assert records[0]["metrics"]["validation_accuracy"] == history[-1]["validation_accuracy"]


class Brightness(nn.Module):
    """Two logits of an image's brightness, and a batch norm whose statistics are far from those of any batch."""

    def __init__(self) -> None:
        super().__init__()
        self.norm = nn.BatchNorm1d(1)
        self.norm.running_mean = torch.tensor([0.5])
        self.norm.running_var = torch.tensor([0.01])
        self.drop = nn.Dropout(0.9)

    def forward(self, pixels: Tensor) -> Tensor:
        level = self.norm(pixels.flatten(1).mean(1, keepdim=True))
        logits: Tensor = self.drop(torch.cat([level, -level], 1))
        return logits


def grey(*values: int, label: int = 0) -> Images:
    """Images of one pixel."""
    pixels = torch.tensor(values, dtype=torch.uint8).view(-1, 1, 1, 1)
    return Images(pixels, torch.full((len(values),), label), ("bright", "dark"))


def test_a_split_is_assessed_in_evaluation_mode() -> None:
    """All images are brighter than the running mean; by the mean of the batch, half of them would be darker."""
    model = Brightness().train()
    loss, accuracy = assess(model, grey(153, 178, 204))
    margins = [2 * (value / 255 - 0.5) / (0.01 + 1e-5) ** 0.5 for value in (153, 178, 204)]
    assert accuracy == 1.0
    assert loss == pytest.approx(sum(math.log1p(math.exp(-margin)) for margin in margins) / 3, rel=1e-4)
    assert assess(model, grey()) == (None, None)


def settings_of(**fields: Any) -> TrainSettings:
    return TrainSettings.model_validate(
        {"epochs": 1, "batch_size": 4, "optimizer": {"name": "sgd", "lr": 0.5}} | fields
    )


def fit_brightness(asked: TrainSettings, *values: int) -> tuple[list[dict[str, Any]], list[Batch], list[float]]:
    """The history, the batches and the learning rates of a training that minimises brightness times a weight."""
    model = nn.Linear(1, 1, bias=False)
    progress = TrainingProgress(model, build_optimizer(model.parameters(), asked.optimizer), make_draw(), [])
    batches: list[Batch] = []
    rates: list[float] = []

    def objective(model: nn.Module, batch: Batch, draw: torch.Generator) -> StepOutcome:  # noqa: ARG001
        batches.append(batch)
        level = batch.pixels.mean()
        return StepOutcome(level + 0 * next(model.parameters()).sum(), level)

    def note_rate() -> None:
        rates.append(progress.optimizer.param_groups[0]["lr"])

    data = Splits(grey(*values), grey(), grey())
    fit(progress, data, asked, objective, AugmentSettings(), seed=0, after_step=note_rate, after_epoch=lambda: None)
    return progress.history, batches, rates


def test_an_epoch_counts_every_image_once_whatever_the_size_of_its_batch() -> None:
    values = (0, 51, 102, 153, 204, 255)
    history, batches, _ = fit_brightness(settings_of(), *values)
    assert [len(batch.labels) for batch in batches] == [4, 2]
    assert sorted(torch.cat([batch.index for batch in batches]).tolist()) == list(range(6))
    for batch in batches:
        assert (batch.pixels.flatten() * 255).round().tolist() == [values[place] for place in batch.index.tolist()]
    assert history[0]["train_loss"] == pytest.approx(0.5)
    assert history[0]["train_accuracy"] == pytest.approx(0.5)


def test_the_history_has_loss_and_accuracy_of_the_validation_part() -> None:
    images = grey(0, 51, 102, 153)
    asked, model = settings_of(epochs=2), Brightness()
    progress = TrainingProgress(model, torch.optim.SGD([nn.Parameter(torch.zeros(1))], 1.0), make_draw(), [])

    def objective(*_: object) -> StepOutcome:
        return StepOutcome(torch.ones((), requires_grad=True), torch.ones(()))

    data = Splits(grey(0, 1), images, grey())
    fit(progress, data, asked, objective, AugmentSettings(), seed=0, after_step=lambda: None, after_epoch=lambda: None)
    loss, accuracy = assess(model, images)
    assert loss != accuracy
    assert [(entry["validation_loss"], entry["validation_accuracy"]) for entry in progress.history] == 2 * [
        (loss, accuracy)
    ]


def test_a_batch_of_one_left_over_is_not_trained_on() -> None:
    """Batch norm would divide by the deviation of one value; where there is but one image, it is trained on."""
    history, batches, _ = fit_brightness(settings_of(), 102, 102, 102, 102, 102)
    assert [len(batch.labels) for batch in batches] == [4]
    assert history[0]["train_loss"] == pytest.approx(0.4)
    _, batches, _ = fit_brightness(settings_of(), 102)
    assert [len(batch.labels) for batch in batches] == [1]


@pytest.mark.parametrize(("images", "steps"), [(8, 2), (9, 2), (10, 3), (4, 1), (3, 1), (1, 1)])
def test_steps_are_counted_as_they_are_made(images: int, steps: int) -> None:
    """Four images to a batch, and three epochs; nobody trains on one that is left over."""
    asked = settings_of(epochs=3)
    _, batches, _ = fit_brightness(asked, *range(images))
    assert count_steps(images, asked) == len(batches) == 3 * steps


def test_each_step_has_the_rate_of_its_schedule() -> None:
    schedule = {"name": "multistep", "milestones": [1], "gamma": 0.1}
    history, _, rates = fit_brightness(settings_of(epochs=2, schedule=schedule), *range(8))
    assert rates == pytest.approx([0.5, 0.5, 0.05, 0.05])
    assert [entry["learning_rate"] for entry in history] == pytest.approx([0.5, 0.05])
    rising = {"name": "one_cycle", "peak": 0.5}
    _, _, rates = fit_brightness(settings_of(epochs=2, schedule=rising), *range(8))
    assert rates == pytest.approx([0.125, 0.375, 0.375, 0.125])


def test_a_batch_that_does_not_fit_says_so_and_what_to_do(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 20.00 MiB.")

    monkeypatch.setattr(torch.optim.SGD, "step", refuse)
    with pytest.raises(MemoryError, match=r"a training batch of 4 images does not fit on cpu.*smaller batch_size"):
        fit_brightness(settings_of(), *range(8))


def test_another_error_of_a_batch_is_told_as_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise RuntimeError("the size of tensor a must match")

    monkeypatch.setattr(torch.optim.SGD, "step", refuse)
    with pytest.raises(RuntimeError, match=r"^the size of tensor a must match$"):
        fit_brightness(settings_of(), *range(8))


def test_validation_that_does_not_fit_is_done_in_halves() -> None:
    class Small(Brightness):
        def forward(self, pixels: Tensor) -> Tensor:
            if len(pixels) > 3:
                raise torch.OutOfMemoryError
            return super().forward(pixels)

    pixels = torch.arange(0, 200, 20, dtype=torch.uint8).view(-1, 1, 1, 1)
    images = Images(pixels, torch.arange(10) % 2, ("a", "b"))
    assert assess(Small(), images) == pytest.approx(assess(Brightness(), images))
