"""Sound models: each does something that a check could mistake for a trick. None may raise an alarm."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import torch
from torch import Tensor, nn

from tests.support.straight_through import RoundStraightThrough
from tests.support.zoo_nets import build_net, step_along_gradient, train_net, trained_net


class QuantisedInput(nn.Module):
    """Pixels of nine shades, with the gradient of the identity on the way back (BPDA)."""

    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self.network = network

    def forward(self, pixels: Tensor) -> Tensor:
        logits: Tensor = self.network(RoundStraightThrough.apply(pixels, 8))
        return logits


class LargeLogits(nn.Module):
    """Logits in the hundreds whose differences are those of any other network."""

    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self.network = network

    def forward(self, pixels: Tensor) -> Tensor:
        logits: Tensor = self.network(pixels)
        return 2 * logits + 300


class Residual(nn.Module):
    """A block that is added to what it was given."""

    def __init__(self) -> None:
        super().__init__()
        self.stem, self.block = nn.Conv2d(1, 16, 3, padding=1), nn.Conv2d(16, 16, 3, padding=1)
        self.head = nn.Sequential(nn.ReLU(), nn.AvgPool2d(4), nn.Flatten(), nn.Linear(64, 10))

    def forward(self, pixels: Tensor) -> Tensor:
        found = self.stem(pixels).relu()
        logits: Tensor = self.head(found + self.block(found))
        return logits


class _DroppingReLU(nn.Sequential):
    def __init__(self) -> None:
        super().__init__(nn.ReLU(), nn.Dropout(0.2))


def _train(build: Callable[[], nn.Module]) -> nn.Module:
    torch.manual_seed(0)
    return train_net(build())


def _train_adversarially() -> nn.Module:
    """On examples of a small step from a random start, which are those that training needs."""

    def change(model: nn.Module, pixels: Tensor, labels: Tensor) -> Tensor:
        start = (pixels + 0.1 * (2 * torch.rand_like(pixels) - 1)).clamp(0, 1)
        return step_along_gradient(model, start, labels, 0.1)

    torch.manual_seed(0)
    return train_net(build_net(), change=change)


SOUND: dict[str, Callable[[], nn.Module]] = {
    "batch norm": partial(_train, partial(build_net, "batch")),
    "group norm": partial(_train, partial(build_net, "group")),
    "layer norm": partial(_train, partial(build_net, "layer")),
    "instance norm": partial(_train, partial(build_net, "instance")),
    "GELU": partial(_train, partial(build_net, activation=nn.GELU)),
    "SiLU": partial(_train, partial(build_net, activation=nn.SiLU)),
    "tanh": partial(_train, partial(build_net, activation=nn.Tanh)),
    "ReLU and average pooling": trained_net,
    "max pooling": partial(_train, partial(build_net, pool=nn.MaxPool2d)),
    "dropout in evaluation": partial(_train, partial(build_net, activation=_DroppingReLU)),
    "quantised input with BPDA": lambda: QuantisedInput(trained_net()),
    "large but sound logits": lambda: LargeLogits(trained_net()),
    "adversarially trained": _train_adversarially,
    "residual": partial(_train, Residual),
}  # fmt: skip
"""Name -> makes the model, in evaluation mode."""
