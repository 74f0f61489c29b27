"""A network of one hidden layer, and the linear bound of its margins written out."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor, nn

from tasks.certificates.crown_ibp.backward import bound_margins_backward
from tasks.certificates.interval_bounds.propagate import IntervalWalk, make_box, trace_network
from tests.support.formulas import CLASSES, PIXELS, Array, flatten

HIDDEN = 4


def bound_backward(model: nn.Module, pixels: Tensor, labels: Tensor, eps: float) -> Tensor:
    """The linear bounds of a model's margins within eps, float [N, classes], whatever its intervals say."""
    start, walk = make_box(pixels, eps), IntervalWalk(trace_network(model))
    walk.bound_margins(start, labels)
    return bound_margins_backward(walk, start, labels)


def make_hidden_network() -> nn.Sequential:
    """Pixels, hidden values, logits, in double precision; some hidden values are of either sign within a small box."""
    torch.manual_seed(6)
    return nn.Sequential(nn.Flatten(), nn.Linear(PIXELS, HIDDEN), nn.ReLU(), nn.Linear(HIDDEN, CLASSES)).double()


def compute_crown_margins(model: nn.Sequential, pixels: Tensor, labels: Tensor, eps: float) -> Array:
    """Lower bounds of the margins within eps, [N, classes], for each image and class by itself.

    Of a margin sum_k a_k relu(z_k) + c, a hidden value that may have either sign is replaced by its chord where a_k is
    negative, else by 0 or by itself; what is left is linear in the image.

    :param pixels: float [N, C, H, W], eps or more away from the ends of [0, 1].
    :param labels: int64 [N].
    """
    (first, bias), (last, offset) = (
        [value.detach().numpy() for value in (layer.weight, layer.bias)]
        for layer in model
        if isinstance(layer, nn.Linear)
    )
    found = np.zeros((len(labels), CLASSES))
    for place, (image, label) in enumerate(zip(flatten(pixels), labels.tolist(), strict=True)):
        for other in range(CLASSES):
            direction, constant = np.zeros(PIXELS), float(offset[label] - offset[other])
            for k, (row, shift) in enumerate(zip(first, bias, strict=True)):
                share, middle, reach = last[label, k] - last[other, k], row @ image + shift, eps * np.abs(row).sum()
                low, high = middle - reach, middle + reach
                if low >= 0:
                    slope, height = 1.0, 0.0
                elif high <= 0:
                    slope, height = 0.0, 0.0
                elif share < 0:
                    slope, height = high / (high - low), -low * high / (high - low)
                else:
                    slope, height = float(high > -low), 0.0
                direction += share * slope * row
                constant += share * (slope * shift + height)
            found[place, other] = direction @ image + constant - eps * np.abs(direction).sum()
    return found
