"""Adversarial training."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from tasks.seeds import derive_seed
from tasks.training.examples import craft_all_examples, craft_own_examples
from tasks.training.objectives.adversarial.settings import AdversarialSettings
from tasks.training.objectives.standard.objective import compute_standard_loss
from tasks.training.objectives.step import Batch, Objective, ObjectiveContext, StepOutcome, assess_logits


def build_adversarial(settings: AdversarialSettings, context: ObjectiveContext) -> Objective:
    """(1 - lambda) L_clean + lambda L_adv, with the examples of a fixed set made now."""
    fixed = None
    if settings.fixed_examples and settings.attack:
        seed = derive_seed(context.seed, "fixed examples")
        fixed = craft_all_examples(context.model, context.images, settings.attack, seed)
    return mix_losses(settings, fixed)


def mix_losses(settings: AdversarialSettings, fixed: Tensor | None = None) -> Objective:
    """(1 - lambda) L_clean + lambda L_adv.

    :param fixed: examples of all images of the stage, float [images, C, H, W] in [0, 1]; null: made for each batch,
        against the model in evaluation mode.
    """
    weight, method = settings.weight, settings.attack
    if weight == 0 or method is None:
        return compute_standard_loss

    def compute_mixed_loss(model: nn.Module, batch: Batch, draw: torch.Generator) -> StepOutcome:
        if fixed is None:
            examples = craft_own_examples(model, batch.pixels, batch.labels, method, draw)
        else:
            examples = fixed[batch.index]
        adversarial = assess_logits(model(examples), batch.labels)
        if weight == 1:
            return adversarial
        clean = assess_logits(model(batch.pixels), batch.labels)
        loss = (1 - weight) * clean.loss + weight * adversarial.loss
        return StepOutcome(loss, (1 - weight) * clean.accuracy + weight * adversarial.accuracy)

    return compute_mixed_loss
