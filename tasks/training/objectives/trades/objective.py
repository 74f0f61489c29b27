"""TRADES."""

from __future__ import annotations

from dataclasses import replace
from typing import cast

import torch
from torch import nn

from tasks.attacks.gradient.settings import IterativeSettings
from tasks.training.examples import compute_divergence, craft_divergent_examples, measure_reached
from tasks.training.objectives.step import Batch, ExampleObjective, StepOutcome, assess_logits
from tasks.training.objectives.trades.settings import TradesSettings


def build_trades(settings: TradesSettings) -> ExampleObjective:
    """Cross-entropy on clean images, and beta times the divergence of the answers to their examples."""
    method = cast(IterativeSettings, settings.attack)

    def craft(model: nn.Module, batch: Batch, draw: torch.Generator) -> Batch:
        with torch.no_grad():
            answers = model.eval()(batch.pixels)
        return replace(batch, examples=craft_divergent_examples(model, batch.pixels, method, draw, answers))

    def compute_loss(model: nn.Module, batch: Batch, draw: torch.Generator) -> StepOutcome:  # noqa: ARG001
        logits = model(batch.pixels)
        clean = assess_logits(logits, batch.labels)
        divergence = compute_divergence(logits, model(batch.crafted)).mean()
        reached = measure_reached(batch.pixels, batch.crafted, method)
        return StepOutcome(clean.loss + settings.beta * divergence, clean.accuracy, reached)

    return ExampleObjective(craft, compute_loss)
