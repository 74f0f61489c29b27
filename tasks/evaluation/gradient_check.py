"""What a model shows of itself before any attack: whether its gradients are there, and whether it answers twice alike.

Attacks that follow gradients say nothing about a model that hides them (Athalye et al. 2018, arXiv 1802.00420), and a
model that answers at random needs attacks that average over it (the checks of AutoAttack, Croce and Hein 2020, arXiv
2003.01690).
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional as F


@dataclass(frozen=True)
class GradientCheck:
    """What was seen of the gradients of some images."""

    gradient: Tensor
    """Of the loss by the pixels, float [N, C, H, W]."""
    deterministic: bool
    """Whether two passes over the same images give the same logits."""

    def count(self) -> dict[str, int | bool]:
        """`gradient_images`, `zero_gradients` (zero, missing or not finite) and `deterministic`: columns of the trials
        table."""
        largest = self.gradient.flatten(1).abs().amax(1)
        useless = (largest == 0) | ~torch.isfinite(largest)
        return {
            "gradient_images": len(largest),
            "zero_gradients": int(useless.sum()),
            "deterministic": self.deterministic,
        }


def check_gradients(model: nn.Module, pixels: Tensor, labels: Tensor) -> GradientCheck:
    """Look at the gradients of some images, and whether logits repeat.

    :param model: frozen, in evaluation mode; pixels float [N, C, H, W] of [0, 1] -> logits float [N, classes].
    :param pixels: float [N, C, H, W] in [0, 1].
    :param labels: int64 [N].
    """
    with torch.no_grad():
        deterministic = torch.equal(model(pixels), model(pixels))
    return GradientCheck(_compute_gradient(model, pixels, labels), deterministic)


def _compute_gradient(model: nn.Module, pixels: Tensor, labels: Tensor) -> Tensor:
    """The gradient of the loss by the pixels; zero where the model does not depend on them differentiably."""
    pixels = pixels.detach().requires_grad_(True)
    with torch.enable_grad():
        loss = F.cross_entropy(model(pixels), labels, reduction="sum")
    if not loss.requires_grad:
        return torch.zeros_like(pixels)
    (gradient,) = torch.autograd.grad(loss, pixels, allow_unused=True)
    return torch.zeros_like(pixels) if gradient is None else gradient
