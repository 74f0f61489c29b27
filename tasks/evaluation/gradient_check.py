"""What a model shows of itself before any attack: whether its gradients are there, and whether it answers twice alike.

Attacks that follow gradients say nothing about a model that hides them (Athalye et al. 2018, arXiv 1802.00420), and a
model that answers at random needs attacks that average over it (the checks of AutoAttack, Croce and Hein 2020, arXiv
2003.01690).
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from tasks.data.images import Images, convert_to_float

IMAGES = 256
"""Test images looked at; the first ones of the split."""


def check_gradients(model: nn.Module, images: Images) -> dict[str, int | bool]:
    """How many gradients were looked at, how many are zero, missing or not finite, and whether logits repeat.

    :param model: frozen, in evaluation mode; pixels float [N, C, H, W] of [0, 1] -> logits float [N, classes].
    :return: `gradient_images`, `zero_gradients` and `deterministic`, the columns of the trials table.
    """
    pixels, labels = convert_to_float(images.pixels[:IMAGES]), images.labels[:IMAGES]
    with torch.no_grad():
        deterministic = torch.equal(model(pixels), model(pixels))
    gradient = _compute_gradient(model, pixels, labels)
    largest = gradient.flatten(1).abs().amax(1)
    useless = (largest == 0) | ~torch.isfinite(largest)
    return {
        "gradient_images": len(labels),
        "zero_gradients": int(useless.sum()),
        "deterministic": deterministic,
    }


def _compute_gradient(model: nn.Module, pixels: Tensor, labels: Tensor) -> Tensor:
    """The gradient of the loss by the pixels; zero where the model does not depend on them differentiably."""
    pixels = pixels.detach().requires_grad_(True)
    with torch.enable_grad():
        loss = F.cross_entropy(model(pixels), labels, reduction="sum")
    if not loss.requires_grad:
        return torch.zeros_like(pixels)
    (gradient,) = torch.autograd.grad(loss, pixels, allow_unused=True)
    return torch.zeros_like(pixels) if gradient is None else gradient
