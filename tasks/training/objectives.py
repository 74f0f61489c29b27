"""What a training step minimises."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from tasks.attacks.crafting import Job, crafter
from tasks.attacks.prepare import Target
from tasks.training.settings import AdversarialFinetuneSettings


@dataclass(frozen=True)
class Outcome:
    """Loss of one batch, and the share that is classified correctly, weighted as the loss."""

    loss: Tensor
    accuracy: Tensor


Objective = Callable[[nn.Module, Tensor, Tensor, torch.Generator], Outcome]
"""(model, float images in [0, 1], labels, random numbers) -> outcome."""


def _standard(logits: Tensor, labels: Tensor) -> Outcome:
    return Outcome(F.cross_entropy(logits, labels), logits.detach().argmax(1).eq(labels).float().mean())


def standard(model: nn.Module, pixels: Tensor, labels: Tensor, draw: torch.Generator) -> Outcome:  # noqa: ARG001
    """Cross-entropy on the images as they are."""
    return _standard(model(pixels), labels)


def adversarial(settings: AdversarialFinetuneSettings) -> Objective:
    """(1 - lambda) L_clean + lambda L_adv; examples are made against the model in evaluation mode."""
    weight = settings.weight
    if weight == 0:
        return standard

    def objective(model: nn.Module, pixels: Tensor, labels: Tensor, draw: torch.Generator) -> Outcome:
        examples = adversarial_examples(model, pixels, labels, settings, draw)
        hard = _standard(model(examples), labels)
        if weight == 1:
            return hard
        easy = _standard(model(pixels), labels)
        loss = (1 - weight) * easy.loss + weight * hard.loss
        return Outcome(loss, (1 - weight) * easy.accuracy + weight * hard.accuracy)

    return objective


def adversarial_examples(
    model: nn.Module, pixels: Tensor, labels: Tensor, settings: AdversarialFinetuneSettings, draw: torch.Generator
) -> Tensor:
    """Examples against the model as it is now, the shape of `pixels`; the model's mode is restored."""
    method = settings.attack
    assert method is not None, "an objective with an adversarial share has an attack"
    seed = int(torch.randint(0, 2**62, (), generator=draw))
    count = method.label_steps
    model.eval()
    job = Job(Target(model, model), pixels, labels, (count,), torch.arange(len(labels)), seed, stop_when_fooled=False)
    examples = crafter(method)(job, method)[count]
    model.train()
    return examples.detach()
