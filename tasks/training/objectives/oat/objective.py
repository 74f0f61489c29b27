"""Once-for-all adversarial training."""

from __future__ import annotations

from dataclasses import replace

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from tasks.errors import StageError
from tasks.models.conditional import Condition, find_condition, find_norms
from tasks.training.examples import craft_own_examples, measure_reached
from tasks.training.objectives.oat.settings import OatSettings
from tasks.training.objectives.step import Batch, ExampleObjective, StepOutcome
from tasks.transfer import send


def build_oat(settings: OatSettings) -> ExampleObjective:
    """The mixed loss, of which each image has a share of its own.

    Images at lambda 0 have no examples: their loss is that on the clean image alone.
    """
    shares = torch.tensor(settings.lambdas)

    def craft(model: nn.Module, batch: Batch, draw: torch.Generator) -> Batch:
        clean = settings.count_clean(len(batch.labels))
        drawn = shares[torch.randint(int(clean > 0), len(shares), (len(batch.labels),), generator=draw)]
        drawn[:clean] = 0
        weights = send(drawn.to(batch.pixels.dtype), batch.pixels.device)
        examples = batch.pixels[clean:]
        if len(examples):
            with _require_condition(model).asking(weights[clean:], 0):
                examples = craft_own_examples(model, examples, batch.labels[clean:], settings.attack, draw)
        return replace(batch, examples=examples, weights=weights)

    def compute_loss(model: nn.Module, batch: Batch, draw: torch.Generator) -> StepOutcome:  # noqa: ARG001
        assert batch.weights is not None, "lambdas are drawn where examples are made"
        condition, clean = _require_condition(model), len(batch.labels) - len(batch.crafted)
        with condition.asking(batch.weights, clean):
            losses, right = _assess_each(model(batch.pixels), batch.labels)
        losses, right = (1 - batch.weights) * losses, (1 - batch.weights) * right
        if len(batch.crafted):
            shares = batch.weights[clean:]
            with condition.asking(shares, 0):
                attacked = _assess_each(model(batch.crafted), batch.labels[clean:])
            losses, right = (
                torch.cat([part[:clean], part[clean:] + shares * more])
                for part, more in zip((losses, right), attacked, strict=True)
            )
        reached = measure_reached(batch.pixels[clean:], batch.crafted, settings.attack)
        return StepOutcome(losses.mean(), right.mean(), reached)

    return ExampleObjective(craft, compute_loss)


def check_norms(settings: OatSettings, model: nn.Module, images: Tensor) -> None:  # noqa: ARG001
    """Whether there is batch norm that lambda can condition.

    :param images: float [N, C, H, W]; they are not looked at.
    :raises StageError: there is none.
    """
    find_norms(model)


def _assess_each(logits: Tensor, labels: Tensor) -> tuple[Tensor, Tensor]:
    """Cross-entropy of each image, with a gradient, and whether it is seen rightly, float [N] each."""
    return F.cross_entropy(logits, labels, reduction="none"), logits.detach().argmax(1).eq(labels).to(logits.dtype)


def _require_condition(model: nn.Module) -> Condition:
    """:raises StageError: the model takes no lambda."""
    found = find_condition(model)
    if found is None:
        raise StageError("objective oat trains a network that takes lambda, and this one does not")
    return found
