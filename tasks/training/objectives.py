"""What a training step minimises."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from tasks.attacks.base import MethodSettings
from tasks.attacks.engine.fast_model import AttackedModel, prepare
from tasks.training.examples import craft_examples
from tasks.training.settings import AdversarialFinetuneSettings, EnsembleSettings


@dataclass(frozen=True)
class Batch:
    """Some training images, as they are shown in this epoch."""

    pixels: Tensor
    """float [N, C, H, W] in [0, 1], augmented."""
    labels: Tensor
    """int64 [N]."""
    index: Tensor
    """int64 [N]: their places in the training split."""


@dataclass(frozen=True)
class StepOutcome:
    """Loss of one batch, and the share that is classified correctly, weighted as the loss."""

    loss: Tensor
    accuracy: Tensor


Objective = Callable[[nn.Module, Batch, torch.Generator], StepOutcome]
"""(model, batch, random numbers) -> outcome."""


def _assess_logits(logits: Tensor, labels: Tensor) -> StepOutcome:
    return StepOutcome(F.cross_entropy(logits, labels), logits.detach().argmax(1).eq(labels).float().mean())


def compute_standard_loss(model: nn.Module, batch: Batch, draw: torch.Generator) -> StepOutcome:  # noqa: ARG001
    """Cross-entropy on the images as they are."""
    return _assess_logits(model(batch.pixels), batch.labels)


def make_adversarial(settings: AdversarialFinetuneSettings, fixed: Tensor | None = None) -> Objective:
    """(1 - lambda) L_clean + lambda L_adv.

    :param fixed: examples of the whole training split, float [N, C, H, W]; null: made for each batch, against the
        model in evaluation mode.
    """
    weight, method = settings.weight, settings.attack
    if weight == 0 or method is None:
        return compute_standard_loss

    def objective(model: nn.Module, batch: Batch, draw: torch.Generator) -> StepOutcome:
        examples = fixed[batch.index] if fixed is not None else _craft_own_examples(model, batch, method, draw)
        hard = _assess_logits(model(examples), batch.labels)
        if weight == 1:
            return hard
        easy = _assess_logits(model(batch.pixels), batch.labels)
        loss = (1 - weight) * easy.loss + weight * hard.loss
        return StepOutcome(loss, (1 - weight) * easy.accuracy + weight * hard.accuracy)

    return objective


def _craft_own_examples(model: nn.Module, batch: Batch, method: MethodSettings, draw: torch.Generator) -> Tensor:
    """Examples against the model as it is now; its mode is restored."""
    model.eval()
    examples = craft_examples(AttackedModel(model, model, model), batch.pixels, batch.labels, method, _draw_seed(draw))
    model.train()
    return examples


def with_ensemble(inner: Objective, settings: EnsembleSettings, surrogates: Sequence[nn.Module]) -> Objective:
    """The objective on batches of which a share is replaced by examples made against one of several models.

    A batch comes in random order, so its first images are any images.
    """
    targets = [prepare(surrogate) for surrogate in surrogates]

    def objective(model: nn.Module, batch: Batch, draw: torch.Generator) -> StepOutcome:
        count = round(settings.share * len(batch.labels))
        chosen = int(torch.randint(0, len(targets) + settings.include_self, (), generator=draw))
        part = Batch(batch.pixels[:count], batch.labels[:count], batch.index[:count])
        if count and chosen == len(targets):
            examples = _craft_own_examples(model, part, settings.attack, draw)
        elif count:
            examples = craft_examples(targets[chosen], part.pixels, part.labels, settings.attack, _draw_seed(draw))
        else:
            examples = part.pixels
        return inner(model, replace(batch, pixels=torch.cat([examples, batch.pixels[count:]])), draw)

    return objective


def _draw_seed(draw: torch.Generator) -> int:
    return int(torch.randint(0, 2**62, (), generator=draw))
