"""Fast adversarial training."""

from __future__ import annotations

from dataclasses import replace

import torch
from torch import nn

from tasks.attacks.gradient.settings import FgsmSettings
from tasks.training.examples import compute_input_gradient, draw_uniform, measure_reached
from tasks.training.objectives.fgsm_rs.settings import FgsmRsSettings
from tasks.training.objectives.step import Batch, ExampleObjective, StepOutcome, assess_logits

STEP_SHARE = 1.25
"""Step size as a share of the budget, which the paper found best."""


def build_fgsm_rs(settings: FgsmRsSettings) -> ExampleObjective:
    """Cross-entropy on examples of one step from a uniform start, projected."""
    eps, method = settings.eps, FgsmSettings(eps=settings.eps)
    step_size = STEP_SHARE * eps if settings.step_size is None else settings.step_size

    def craft(model: nn.Module, batch: Batch, draw: torch.Generator) -> Batch:
        start = draw_uniform(batch.pixels, eps, draw)
        gradient = compute_input_gradient(model, batch.pixels + start, batch.labels)
        delta = (start + step_size * gradient.sign()).clamp(-eps, eps)
        return replace(batch, examples=(batch.pixels + delta).clamp(0, 1))

    def compute_loss(model: nn.Module, batch: Batch, draw: torch.Generator) -> StepOutcome:  # noqa: ARG001
        found = assess_logits(model(batch.crafted), batch.labels)
        return replace(found, eps_reached=measure_reached(batch.pixels, batch.crafted, method))

    return ExampleObjective(craft, compute_loss)
