"""A few images of an attack stage that ran before, made again to be looked at.

The artifact of an attack holds numbers, not images: those of a thousand cells would take more room than all models.
Random numbers are drawn for each image, so the same stage gives the same images whenever it is asked.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import cast

import torch
from torch import Tensor

from tasks.attacks.evaluate import adversarial_images
from tasks.attacks.predict import Predictions, predict
from tasks.attacks.prepare import frozen
from tasks.attacks.settings import AttackSettings
from tasks.chain import Stage
from tasks.stages.context import Context


@dataclass(frozen=True)
class Preview:
    """Images before and after, float [N, C, H, W] in [0, 1] on the CPU, and what the model says of each."""

    clean: Tensor
    adversarial: Tensor
    labels: Tensor
    """int64 [N]."""
    before: Predictions
    after: Predictions
    classes: tuple[str, ...]


def preview(stage: Stage, context: Context, index: Sequence[int]) -> Preview:
    """Attack the images at these places of the test split as the stage did.

    :param stage: an attack.
    :raises UsageError: the data set is not here.
    :raises CorruptArtifactError: the model has changed since it was written.
    """
    torch.set_num_threads(context.threads)
    settings = cast(AttackSettings, stage.settings)
    description, model = context.upstream_model(stage)
    surrogate = context.upstream_model(stage, "surrogate_0")[1] if settings.surrogate else None
    images = context.data(stage).test
    places = torch.tensor(list(index), device=images.pixels.device)
    unit = description.pixels_per_unit(settings.eps_space)
    clean, adversarial = adversarial_images(model, images, settings, stage.seed, unit, places, surrogate)
    judge = frozen(model)
    before, after = predict(judge, clean), predict(judge, adversarial)
    return Preview(
        clean.cpu(), adversarial.cpu(), images.labels[places].cpu(), _on_cpu(before), _on_cpu(after), images.classes
    )


def _on_cpu(found: Predictions) -> Predictions:
    return Predictions(found.classes.cpu(), found.confidence.cpu())
