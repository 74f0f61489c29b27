"""N-FGSM."""

from __future__ import annotations

from dataclasses import replace

import torch
from torch import nn

from tasks.attacks.gradient.settings import FgsmSettings
from tasks.training.examples import compute_input_gradient, draw_uniform, measure_reached
from tasks.training.objectives.n_fgsm.settings import NFgsmSettings
from tasks.training.objectives.step import Batch, ExampleObjective, StepOutcome, assess_logits


def build_n_fgsm(settings: NFgsmSettings) -> ExampleObjective:
    """Cross-entropy on noisy images after one step, clipped to [0, 1] alone."""
    method = FgsmSettings(eps=settings.eps)

    def craft(model: nn.Module, batch: Batch, draw: torch.Generator) -> Batch:
        noisy = (batch.pixels + draw_uniform(batch.pixels, settings.noise * settings.eps, draw)).clamp(0, 1)
        gradient = compute_input_gradient(model, noisy, batch.labels)
        return replace(batch, examples=(noisy + settings.eps * gradient.sign()).clamp(0, 1))

    def compute_loss(model: nn.Module, batch: Batch, draw: torch.Generator) -> StepOutcome:  # noqa: ARG001
        found = assess_logits(model(batch.crafted), batch.labels)
        return replace(found, eps_reached=measure_reached(batch.pixels, batch.crafted, method))

    return ExampleObjective(craft, compute_loss)
