"""What the judge predicts, and which images it is asked about."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from tasks.data.images import Images, convert_to_float
from tasks.errors import StageError
from tasks.evaluation.settings import AttackSettings
from tasks.seeds import make_generator


@dataclass(frozen=True)
class Predictions:
    """What a model predicts for a batch."""

    classes: Tensor
    """int64 [N]."""
    confidence: Tensor
    """float [N]: softmax of the predicted class."""


def predict(model: nn.Module, pixels: Tensor) -> Predictions:
    """Classes and confidences.

    :param pixels: float [N, C, H, W] in [0, 1].
    :raises StageError: the model answers NaN or infinity.
    """
    with torch.no_grad():
        logits = model(pixels)
    broken = ~torch.isfinite(logits).all(1)
    if broken.any():
        raise StageError(
            f"the model's logits are NaN or infinite in {int(broken.sum())} of {len(logits)} images although its "
            "weights are finite: something overflows in it, or divides by zero, or takes the logarithm of zero"
        )
    confidence, classes = logits.softmax(1).max(1)
    return Predictions(classes, confidence)


def choose_images(judge: nn.Module, images: Images, settings: AttackSettings, seed: int) -> Tensor:
    """The places of the test images to attack, ascending, int64 [N]: all, or a choice by the seed.

    :raises StageError: the split has fewer images than are asked for.
    """
    order = torch.randperm(len(images), generator=make_generator(seed, "examples"))
    if settings.only_correct:
        order = order[torch.cat(list(_find_correct(judge, images, order, settings.batch_size)))]
    wanted = settings.examples or len(order)
    if wanted > len(order):
        which = "correctly classified test images" if settings.only_correct else "test images"
        raise StageError(f"attack.examples = {wanted}: there are only {len(order)} {which}")
    return order[:wanted].sort().values


def _find_correct(judge: nn.Module, images: Images, order: Tensor, batch_size: int) -> Iterator[Tensor]:
    """Which images in this order are classified correctly, bool [N], batch by batch."""
    for index, pixels in images.read_batches(order.split(batch_size)):
        yield predict(judge, convert_to_float(pixels)).classes.eq(images.labels[index]).cpu()
