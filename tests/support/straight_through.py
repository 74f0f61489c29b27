"""Rounding with the gradient of the identity, as quantised networks are trained."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor


class RoundStraightThrough(torch.autograd.Function):
    """Rounds to so many steps a unit; a straight-through estimator on the way back."""

    @staticmethod
    def forward(context: Any, values: Tensor, steps: int) -> Tensor:  # noqa: ARG004
        return (values * steps).round() / steps

    @staticmethod
    def backward(context: Any, gradient: Tensor) -> tuple[Tensor, None]:  # noqa: ARG004
        return gradient, None
