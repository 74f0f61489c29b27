"""Adversarial logit pairing."""

from __future__ import annotations

import torch
from torch import nn

from tasks.training.examples import measure_reached
from tasks.training.objectives.logit_pairing.settings import LogitPairingSettings
from tasks.training.objectives.step import Batch, ExampleObjective, StepOutcome, assess_logits, craft_by


def build_logit_pairing(settings: LogitPairingSettings) -> ExampleObjective:
    """The mix of both losses, and a penalty on the distance of their logits."""
    share = settings.weight

    def compute_loss(model: nn.Module, batch: Batch, draw: torch.Generator) -> StepOutcome:  # noqa: ARG001
        logits, others = model(batch.pixels), model(batch.crafted)
        clean, adversarial = assess_logits(logits, batch.labels), assess_logits(others, batch.labels)
        distance = (logits - others).square().sum(1).mean()
        loss = (1 - share) * clean.loss + share * adversarial.loss + settings.pairing * distance
        accuracy = (1 - share) * clean.accuracy + share * adversarial.accuracy
        return StepOutcome(loss, accuracy, measure_reached(batch.pixels, batch.crafted, settings.attack))

    return ExampleObjective(craft_by(settings.attack), compute_loss)
