"""Ensemble adversarial training."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import torch
from torch import nn

from tasks.attacks.engine.attacked_model import AttackedModel
from tasks.attacks.engine.fast_model import PROBE_IMAGES, prepare_model
from tasks.data.images import convert_to_float
from tasks.training.examples import craft_examples, craft_own_examples, draw_seed
from tasks.training.objectives.ensemble.settings import EnsembleSettings, StaticExamplesSettings
from tasks.training.objectives.step import (
    Batch,
    ExampleObjective,
    Objective,
    ObjectiveContext,
    build_objective,
    split_objective,
)


def build_ensemble(settings: EnsembleSettings, context: ObjectiveContext) -> Objective:
    """The inner objective on batches with examples against the first of the models that were asked for."""
    count = len(settings.surrogates)
    inner = build_objective(settings.inner, replace(context, surrogates=context.surrogates[count:]))
    probe = convert_to_float(context.images.read(slice(PROBE_IMAGES)))
    attacked = [prepare_model(surrogate, probe) for surrogate in context.surrogates[:count]]
    return replace_share(inner, settings, attacked)


def replace_share(inner: Objective, settings: StaticExamplesSettings, attacked: Sequence[AttackedModel]) -> Objective:
    """An objective on batches of which a share is replaced by examples made against one of several models.

    A batch comes in random order, so its first images are any images.

    :param attacked: models that do not change, on the device of the images.
    """

    methods, steps = [attack.resolve_for_training() for attack in settings.attacks], split_objective(inner)

    def craft(model: nn.Module, batch: Batch, draw: torch.Generator) -> Batch:
        count = round(settings.share * len(batch.labels))
        chosen = int(torch.randint(0, len(attacked) + settings.include_self, (), generator=draw))
        drawn = int(torch.randint(0, len(methods), (), generator=draw)) if len(methods) > 1 else 0
        pixels, labels, method = batch.pixels[:count], batch.labels[:count], methods[drawn]
        if count and chosen == len(attacked):
            pixels = craft_own_examples(model, pixels, labels, method, draw)
        elif count:
            pixels = craft_examples(attacked[chosen], pixels, labels, method, draw_seed(draw))
        return steps.craft(model, replace(batch, pixels=torch.cat([pixels, batch.pixels[count:]])), draw)

    return ExampleObjective(craft, steps.compute_loss)
