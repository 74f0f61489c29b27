"""Adversarial training."""

from __future__ import annotations

from dataclasses import replace

import torch
from torch import Tensor, nn

from tasks.data.images import convert_to_float
from tasks.seeds import derive_seed
from tasks.training.examples import craft_all_examples, measure_reached
from tasks.training.objectives.adversarial.settings import AdversarialSettings
from tasks.training.objectives.standard.objective import compute_standard_loss
from tasks.training.objectives.step import (
    Batch,
    Craft,
    ExampleObjective,
    Objective,
    ObjectiveContext,
    StepOutcome,
    assess_logits,
    craft_by,
)


def build_adversarial(settings: AdversarialSettings, context: ObjectiveContext) -> Objective:
    """(1 - lambda) L_clean + lambda L_adv, with the examples of a fixed set made now."""
    fixed, reached = None, None
    if settings.fixed_examples and settings.attack:
        seed = derive_seed(context.seed, "fixed examples")
        fixed = craft_all_examples(context.model, context.images, settings.attack, seed)
        reached = measure_reached(convert_to_float(context.images.pixels), fixed, settings.attack)
    return mix_losses(settings, fixed, reached)


def mix_losses(
    settings: AdversarialSettings, fixed: Tensor | None = None, fixed_reached: Tensor | None = None
) -> Objective:
    """(1 - lambda) L_clean + lambda L_adv.

    :param fixed: examples of all images of the stage, float [images, C, H, W] in [0, 1]; null: made for each batch,
        against the model in evaluation mode.
    :param fixed_reached: the largest perturbation of these, float [].
    """
    weight, method = settings.weight, settings.attack
    if weight == 0 or method is None:
        return compute_standard_loss

    def compute_mixed_loss(model: nn.Module, batch: Batch, draw: torch.Generator) -> StepOutcome:  # noqa: ARG001
        reached = fixed_reached if fixed is not None else measure_reached(batch.pixels, batch.crafted, method)
        adversarial = replace(assess_logits(model(batch.crafted), batch.labels), eps_reached=reached)
        if weight == 1:
            return adversarial
        clean = assess_logits(model(batch.pixels), batch.labels)
        loss = (1 - weight) * clean.loss + weight * adversarial.loss
        accuracy = (1 - weight) * clean.accuracy + weight * adversarial.accuracy
        return StepOutcome(loss, accuracy, reached)

    return ExampleObjective(craft_by(method) if fixed is None else _look_up(fixed), compute_mixed_loss)


def _look_up(fixed: Tensor) -> Craft:
    def craft(model: nn.Module, batch: Batch, draw: torch.Generator) -> Batch:  # noqa: ARG001
        return replace(batch, examples=fixed[batch.index])

    return craft
