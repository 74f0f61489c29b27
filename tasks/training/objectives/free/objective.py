"""Free adversarial training."""

from __future__ import annotations

from dataclasses import dataclass, replace

import torch
from torch import Tensor, nn

from tasks.attacks.gradient.settings import FgsmSettings
from tasks.training.examples import measure_reached
from tasks.training.objectives.free.settings import FreeSettings
from tasks.training.objectives.step import Batch, ExampleObjective, StepOutcome, assess_logits


@dataclass
class _Perturbation:
    """What is carried from step to step."""

    eps: float
    delta: Tensor | None = None
    """float [batch size, C, H, W]."""

    def start(self, batch: Batch) -> Tensor:
        """A leaf for the perturbations of a batch, [N, C, H, W], whose gradient moves them when it is known."""
        if batch.is_first or self.delta is None:
            self.delta = torch.zeros_like(batch.pixels)
        leaf = self.delta[: len(batch.labels)].clone().requires_grad_(True)
        leaf.register_hook(self._move)
        return leaf

    def _move(self, gradient: Tensor) -> None:
        assert self.delta is not None, "a step has been started"
        own = self.delta[: len(gradient)]
        own.add_(self.eps * gradient.sign()).clamp_(-self.eps, self.eps)


def build_free(settings: FreeSettings) -> ExampleObjective:
    """Cross-entropy on perturbed images; its backward pass moves the perturbations too."""
    carried, method = _Perturbation(settings.eps), FgsmSettings(eps=settings.eps)

    def craft(model: nn.Module, batch: Batch, draw: torch.Generator) -> Batch:  # noqa: ARG001
        return replace(batch, examples=(batch.pixels + carried.start(batch)).clamp(0, 1))

    def compute_loss(model: nn.Module, batch: Batch, draw: torch.Generator) -> StepOutcome:  # noqa: ARG001
        found = assess_logits(model(batch.crafted), batch.labels)
        return replace(found, eps_reached=measure_reached(batch.pixels, batch.crafted, method))

    return ExampleObjective(craft, compute_loss)
