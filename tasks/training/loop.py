"""The one training loop: epochs over a split, a checkpoint after each."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import nullcontext
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from tasks.arithmetic import compute_in_parts, is_out_of_memory, use_tf32
from tasks.data.augment import augment_images
from tasks.data.images import Images, Splits, convert_to_float
from tasks.data.settings import AugmentSettings
from tasks.errors import StageError
from tasks.training.checkpoint import TrainingProgress
from tasks.training.guards import note_best, watch_robustness
from tasks.training.objectives.step import Batch, Objective, StepOutcome
from tasks.training.partial_epoch import PartialEpoch
from tasks.training.settings import TrainSettings
from tasks.training.sound_kernels import avoid_unsound_kernels

EVALUATION_BATCH = 512


def fit(
    progress: TrainingProgress,
    data: Splits,
    settings: TrainSettings,
    objective: Objective,
    augment: AugmentSettings,
    *,
    seed: int,
    after_step: Callable[[], None],
    after_epoch: Callable[[], None],
) -> None:
    """Run the epochs that are still missing; `progress.history` gains one entry for each.

    :param seed: of the validation attack, the same in every epoch.
    :param after_step: keeps pruned filters pruned, averages weights, and may write a checkpoint.
    :param after_epoch: writes the checkpoint.
    :raises StageError: the loss is NaN or infinite.
    """
    while progress.epoch < settings.epochs:
        progress.since = time.monotonic()
        with avoid_unsound_kernels(progress.model):
            entry = _run_epoch(progress, data.train, settings, objective, augment, after_step)
        if progress.average:
            progress.average.note_epoch(progress.model, data.train, progress.epoch, settings.epochs)
        with progress.average.shown_in(progress.model) if progress.average else nullcontext():
            loss, accuracy = assess(progress.model, data.validation)
            entry |= {"validation_loss": loss, "validation_accuracy": accuracy}
            entry |= watch_robustness(progress.model, data, settings, seed)
            progress.finish_epoch(entry)
            note_best(progress, settings.keep)
        after_epoch()


def count_steps(images: int, settings: TrainSettings) -> int:
    """Batches of all epochs; a last one of a single image is left out where there are others."""
    whole, rest = divmod(images, settings.batch_size)
    return settings.epochs * (whole + (rest > 1 or images == 1))


def _run_epoch(
    progress: TrainingProgress,
    images: Images,
    settings: TrainSettings,
    objective: Objective,
    augment: AugmentSettings,
    after_step: Callable[[], None],
) -> dict[str, Any]:
    progress.model.train()
    partial = progress.partial
    if partial is None:
        partial = progress.partial = PartialEpoch.begin(progress.draw, images.device)
    order = partial.draw_order(len(images), progress.draw)
    batches = [part for part in order.split(settings.batch_size) if len(part) > 1 or len(order) == 1]
    rate, replays = progress.optimizer.param_groups[0]["lr"], settings.chosen_objective.steps_per_batch
    for number, (index, stored) in enumerate(images.read_batches(batches[partial.steps :]), partial.steps):
        step = progress.epoch * len(batches) + number
        rate = settings.optimizer.lr * settings.schedule.compute_factor(step, len(batches), settings.epochs)
        for group in progress.optimizer.param_groups:
            group["lr"] = rate
        pixels = convert_to_float(augment_images(stored, augment, progress.draw))
        for replay in range(replays):
            share = step / (len(batches) * settings.epochs)
            batch = Batch(pixels, images.labels[index], index, number == replay == 0, share)
            outcome = _take_step(progress, batch, objective, settings.precision)
            partial.note_step(outcome.loss, outcome.accuracy, outcome.eps_reached, len(index))
            partial.steps = number + 1
            after_step()
    loss, accuracy, reached = partial.finish(replays * sum(map(len, batches)))
    if not abs(loss) < float("inf"):
        raise StageError(f"the loss became NaN or infinite in epoch {progress.epoch}: lower the learning rate")
    entry = {"epoch": progress.epoch, "train_loss": loss, "train_accuracy": accuracy, "learning_rate": rate}
    return entry | {"eps_reached": reached}


def _take_step(progress: TrainingProgress, batch: Batch, objective: Objective, precision: str) -> StepOutcome:
    """:raises MemoryError: the batch does not fit."""
    device = batch.pixels.device.type
    try:
        with use_tf32(precision == "tf32"):
            with torch.autocast(device, torch.bfloat16, enabled=precision == "bf16"):
                outcome = objective(progress.model, batch, progress.draw)
            progress.optimizer.zero_grad(set_to_none=True)
            outcome.loss.backward()
            progress.optimizer.step()
    except RuntimeError as error:
        if not is_out_of_memory(error):
            raise
        raise MemoryError(
            f"a training batch of {len(batch.labels)} images does not fit on {device}; it is not halved: batch norm "
            "and random starts would then compute something else: give a smaller batch_size, or a larger share of a GPU"
        ) from error
    return outcome


def assess(model: nn.Module, images: Images) -> tuple[float | None, float | None]:
    """Mean cross-entropy and accuracy in [0, 1] on a split, in evaluation mode; nulls where it is empty."""
    if not len(images):
        return None, None
    model.eval()
    with torch.no_grad():
        parts = [part for batch in _split_batches(images) for part in _sum_losses_in_parts(model, *batch)]
    loss, correct = torch.stack(parts).sum(0).tolist()
    return loss / len(images), correct / len(images)


def _split_batches(images: Images) -> Iterator[tuple[Tensor, Tensor]]:
    for pixels, labels in zip(images.split(EVALUATION_BATCH), images.labels.split(EVALUATION_BATCH), strict=True):
        yield convert_to_float(pixels), labels


def _sum_losses_in_parts(model: nn.Module, pixels: Tensor, labels: Tensor) -> Iterator[Tensor]:
    """Summed loss and right answers, float [2], of the batch; of halves where it does not fit in memory."""
    return compute_in_parts(lambda part: _sum_losses(model(pixels[part]), labels[part]), len(labels), EVALUATION_BATCH)


def _sum_losses(logits: Tensor, labels: Tensor) -> Tensor:
    return torch.stack([F.cross_entropy(logits, labels, reduction="sum"), logits.argmax(1).eq(labels).sum()])
