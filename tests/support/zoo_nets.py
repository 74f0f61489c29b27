"""Small networks for digits of 8 x 8 pixels, each trained in less than a second, of which the zoo is built."""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from tasks.data.images import convert_to_float
from tests.support.attack_models import digits

WIDTH = 16
TRAINED_ON = 800
Change = Callable[[nn.Module, Tensor, Tensor], Tensor]
"""(model, pixels [N, 1, 8, 8], labels [N]) -> the pixels that it is trained on."""

NORMALISATIONS: dict[str, Callable[[], nn.Module]] = {
    "none": nn.Identity,
    "batch": lambda: nn.BatchNorm2d(WIDTH),
    "group": lambda: nn.GroupNorm(4, WIDTH),
    "layer": lambda: nn.GroupNorm(1, WIDTH),
    "instance": lambda: nn.InstanceNorm2d(WIDTH, affine=True),
}


def build_net(
    normalisation: str = "none",
    activation: Callable[[], nn.Module] = nn.ReLU,
    pool: Callable[[int], nn.Module] = nn.AvgPool2d,
    channels: int = 1,
) -> nn.Sequential:
    """Two convolutions and a linear layer."""
    norm = NORMALISATIONS[normalisation]
    return nn.Sequential(
        nn.Conv2d(channels, WIDTH, 3, padding=1), norm(), activation(), pool(2),
        nn.Conv2d(WIDTH, WIDTH, 3, padding=1), norm(), activation(), pool(2),
        nn.Flatten(), nn.Linear(WIDTH * 4, 10),
    )  # fmt: skip


def train_net(model: nn.Module, *, epochs: int = 8, change: Change = lambda model, pixels, labels: pixels) -> nn.Module:  # noqa: ARG005
    """The same model, trained on a part of the digits."""
    train = digits().train
    pixels, labels = convert_to_float(train.pixels[:TRAINED_ON]), train.labels[:TRAINED_ON]
    optimizer = torch.optim.Adam(model.parameters(), 0.01)
    model.train()
    for _ in range(epochs):
        for index in torch.randperm(len(pixels)).split(50):
            seen = change(model, pixels[index], labels[index])
            loss = F.cross_entropy(model(seen), labels[index])
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
    return model.eval()


@lru_cache
def trained_net() -> nn.Module:
    """The network that tricks are put around."""
    torch.manual_seed(0)
    return train_net(build_net())


def step_along_gradient(model: nn.Module, pixels: Tensor, labels: Tensor, eps: float) -> Tensor:
    """FGSM: one step of size eps, [N, 1, 8, 8] in [0, 1]."""
    pixels = pixels.detach().requires_grad_(True)
    (gradient,) = torch.autograd.grad(F.cross_entropy(model(pixels), labels), pixels)
    return (pixels + eps * gradient.sign()).detach().clamp(0, 1)
