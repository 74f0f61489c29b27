"""What no attack may do: a violation fails the stage, for no number is better than a wrong one."""

from __future__ import annotations

import torch
from torch import Tensor

from tasks.attacks.base import UNRESTRICTED, MethodSettings
from tasks.attacks.engine.norms import measure_sizes
from tasks.errors import StageError

TOLERANCE = 1e-5
"""Rounding allowed in a comparison with the budget, relative to it; and 1e-6 absolute."""


def find_outside_budget(delta: Tensor, method: MethodSettings, scale: float) -> Tensor:
    """Which perturbations are larger than the budget, bool [N]; none where there is no budget.

    :param delta: float [N, C, H, W], in pixels of [0, 1].
    :param scale: pixels per unit of eps.
    """
    if method.eps is None or method.norm == UNRESTRICTED:
        return torch.zeros(len(delta), dtype=torch.bool, device=delta.device)
    size = measure_sizes(delta)[method.norm]
    return size > method.eps * scale * (1 + TOLERANCE) + 1e-6


def audit_examples(clean: Tensor, adversarial: Tensor, method: MethodSettings, scale: float) -> None:
    """Check that images have the shape they had, are finite and in [0, 1] and, where there is a budget, within it.

    :param clean: float [N, C, H, W] in [0, 1].
    :param adversarial: float [N, C, H, W].
    :param scale: pixels per unit of eps.
    :raises StageError: with what is wrong, by how much, and in how many images.
    """
    if adversarial.shape != clean.shape:
        raise StageError(f"{method.name} returned images of shape {list(adversarial.shape)}, not {list(clean.shape)}")
    if not torch.isfinite(adversarial).all():
        raise StageError(f"{method.name} returned NaN or infinite pixels")
    if adversarial.min() < 0 or adversarial.max() > 1:
        extremes = f"{float(adversarial.min()):.6g} to {float(adversarial.max()):.6g}"
        raise StageError(f"{method.name} left the pixel range [0, 1]: {extremes}")
    if not method.bounded or method.eps is None:
        return
    outside = find_outside_budget(adversarial - clean, method, scale)
    if outside.any():
        largest = float(measure_sizes(adversarial - clean)[method.norm].max())
        raise StageError(
            f"{method.name} left the {method.norm} ball of {method.eps * scale:.6g} in {int(outside.sum())} of "
            f"{len(clean)} images: the largest perturbation is {largest:.6g}"
        )
