"""Distillation."""

from __future__ import annotations

from dataclasses import replace
from typing import cast

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from tasks.attacks.gradient.settings import IterativeSettings
from tasks.training.examples import compute_divergence, craft_divergent_examples, measure_reached
from tasks.training.objectives.distillation.settings import DistillationSettings
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


def build_distillation(settings: DistillationSettings, context: ObjectiveContext) -> Objective:
    """What the student minimises; the teacher is frozen."""
    teacher = context.surrogates[0].eval().requires_grad_(False) if context.surrogates else None
    if settings.form == "defensive":
        return _distil_defensively(settings.temperature, teacher)
    assert teacher is not None, "robust distillation needs a teacher"
    return _distil_robustly(settings, teacher)


def _distil_defensively(temperature: float, teacher: nn.Module | None) -> Objective:
    def compute_loss(model: nn.Module, batch: Batch, draw: torch.Generator) -> StepOutcome:  # noqa: ARG001
        logits = model(batch.pixels)
        accuracy = assess_logits(logits, batch.labels).accuracy
        answers = batch.labels if teacher is None else _ask(teacher, batch.pixels, temperature).softmax(1)
        return StepOutcome(F.cross_entropy(logits / temperature, answers), accuracy)

    return compute_loss


def _distil_robustly(settings: DistillationSettings, teacher: nn.Module) -> ExampleObjective:
    share, temperature, method = settings.share, settings.temperature, settings.attack
    assert method is not None, "robust distillation makes examples"
    is_soft = settings.form == "rslad"

    def compute_loss(model: nn.Module, batch: Batch, draw: torch.Generator) -> StepOutcome:  # noqa: ARG001
        answers, adversarial = _ask(teacher, batch.pixels, temperature), model(batch.crafted)
        loss = share * temperature**2 * compute_divergence(answers, adversarial / temperature).mean()
        accuracy = share * assess_logits(adversarial, batch.labels).accuracy
        if share < 1:
            logits = model(batch.pixels)
            clean = assess_logits(logits, batch.labels)
            term = compute_divergence(answers, logits).mean() if is_soft else clean.loss
            loss, accuracy = loss + (1 - share) * term, accuracy + (1 - share) * clean.accuracy
        return StepOutcome(loss, accuracy, measure_reached(batch.pixels, batch.crafted, method))

    craft = _craft_away_from(teacher, cast(IterativeSettings, method)) if is_soft else craft_by(method)
    return ExampleObjective(craft, compute_loss)


def _craft_away_from(teacher: nn.Module, method: IterativeSettings) -> Craft:
    """Examples on which the student's answers are far from the teacher's."""

    def craft(model: nn.Module, batch: Batch, draw: torch.Generator) -> Batch:
        answers = _ask(teacher, batch.pixels, 1.0)
        return replace(batch, examples=craft_divergent_examples(model, batch.pixels, method, draw, answers))

    return craft


def _ask(teacher: nn.Module, pixels: Tensor, temperature: float) -> Tensor:
    with torch.no_grad():
        return cast(Tensor, teacher(pixels)) / temperature
