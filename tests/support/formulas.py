"""A softmax classifier in numpy, with its gradients written out: what an objective is held against."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from tasks.training.objectives.step import Batch

Array = NDArray[np.float64]
IMAGES, PIXELS, CLASSES = 5, 6, 3


@dataclass(frozen=True)
class Softmax:
    """logits = x W' + b."""

    weight: Array
    """[classes, pixels]."""
    bias: Array
    """[classes]."""

    def logits(self, x: Array) -> Array:
        """[N, pixels] -> [N, classes]."""
        return np.asarray(x @ self.weight.T + self.bias)

    def answers(self, x: Array) -> Array:
        """Probabilities [N, classes]."""
        grown = np.exp(self.logits(x) - self.logits(x).max(1, keepdims=True))
        return np.asarray(grown / grown.sum(1, keepdims=True))

    def losses(self, x: Array, labels: NDArray[np.int64]) -> Array:
        """Cross-entropy of each image [N]."""
        return np.asarray(-np.log(self.answers(x)[np.arange(len(x)), labels]))

    def loss_gradient(self, x: Array, labels: NDArray[np.int64]) -> Array:
        """Of the cross-entropy of each image by its pixels [N, pixels]."""
        return np.asarray((self.answers(x) - np.eye(len(self.bias))[labels]) @ self.weight)

    def divergences(self, x: Array, other: Array) -> Array:
        """KL(f(x) || f(other)) of each image [N]."""
        one, two = self.answers(x), self.answers(other)
        return np.asarray((one * np.log(one / two)).sum(1))


def make_softmax() -> tuple[nn.Module, Softmax]:
    """The same classifier in torch, in double precision and training mode, and in numpy."""
    draw = torch.Generator().manual_seed(3)
    layer = nn.Linear(PIXELS, CLASSES).double()
    layer.weight.data = torch.randn(CLASSES, PIXELS, generator=draw, dtype=torch.float64)
    layer.bias.data = torch.randn(CLASSES, generator=draw, dtype=torch.float64)
    return nn.Sequential(nn.Flatten(), layer).train(), Softmax(
        layer.weight.detach().numpy(), layer.bias.detach().numpy()
    )


def make_images() -> Batch:
    """A few images [N, 1, 2, 3] away from the bounds of [0, 1], in double precision."""
    draw = torch.Generator().manual_seed(4)
    pixels = 0.3 + 0.4 * torch.rand(IMAGES, 1, 2, 3, generator=draw, dtype=torch.float64)
    return Batch(pixels, torch.tensor([0, 1, 2, 1, 0]), torch.arange(IMAGES))


def flatten(images: Tensor) -> Array:
    """[N, C, H, W] -> [N, pixels]."""
    return np.asarray(images.detach().flatten(1).numpy(), dtype=np.float64)
