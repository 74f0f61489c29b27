"""What every form of Auto-PGD keeps of the images under attack, and how it looks at them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, fields

import torch
from torch import Tensor

from tasks.attacks.engine.job import AttackJob
from tasks.attacks.engine.norms import shape_per_image

Loss = Callable[[Tensor, Tensor, Tensor], Tensor]
"""(logits [N, classes], labels [N], target classes [N]) -> what to raise, [N]."""


@dataclass
class Ascent:
    """The images still under attack; every field has one entry per image."""

    positions: Tensor
    """int64 [N]: in the whole batch."""
    clean: Tensor
    labels: Tensor
    target_classes: Tensor
    pixels: Tensor
    """float [N, C, H, W], as `clean`, `gradient`, `best` and `best_gradient`."""
    gradient: Tensor
    best: Tensor
    best_gradient: Tensor
    best_loss: Tensor
    """float [N]."""
    step_size: Tensor

    def keep(self, chosen: Tensor) -> None:
        """Go on with the images at these places, int64 [n]."""
        for item in fields(self):
            setattr(self, item.name, getattr(self, item.name)[chosen])

    def look(self, job: AttackJob, loss: Loss, looks: int = 1) -> tuple[Tensor, tuple[Tensor, int]]:
        """Loss and gradient at the pixels, the best noted.

        :param looks: at a model that answers at random; the gradient is their mean, the loss that of the last, as in
            the authors' code.
        :return: the losses, float [N]; which images fool the model there, bool [N], and how many.
        """
        pixels = self.pixels.detach().requires_grad_(True)
        found: list[Tensor] = []
        for _ in range(looks):
            with torch.enable_grad():
                logits = job.model.judge(pixels)
                values = loss(logits, self.labels, self.target_classes)
                found += torch.autograd.grad(values.sum(), pixels)
        self.gradient = found[0] if looks == 1 else torch.stack(found).mean(0)
        values = values.detach()
        better = values > self.best_loss
        self.best_loss = torch.where(better, values, self.best_loss)
        self.best = torch.where(shape_per_image(better), self.pixels, self.best)
        self.best_gradient = torch.where(shape_per_image(better), self.gradient, self.best_gradient)
        return values, job.model.find_adversarial(pixels, self.labels, logits=logits)
