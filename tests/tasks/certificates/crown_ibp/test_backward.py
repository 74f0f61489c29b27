"""Every layer and function that is affine is passed through exactly, whatever stands before and behind it."""

from __future__ import annotations

from collections.abc import Callable
from typing import cast

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from tests.support.bounds import bound_backward

EPS = 0.05
LABELS = torch.tensor([0, 2, 1])
Function = Callable[[Tensor], Tensor]


def add_in_place(values: Tensor) -> Tensor:
    values += 2.0
    return values


def add_own_part(values: Tensor) -> Tensor:
    values += 0.5 * values
    return values


class Between(nn.Module):
    """A convolution that mixes pixels, something, and a linear layer; float64 images [N, 1, 6, 6] -> [N, 3]."""

    def __init__(self, middle: Function, values: int) -> None:
        super().__init__()
        self.first, self.last = nn.Conv2d(1, 2, 3), nn.Linear(values, 3)
        self.middle = middle

    def forward(self, pixels: Tensor) -> Tensor:
        return cast(Tensor, self.last(self.middle(self.first(pixels)).flatten(1)))


def make_model(middle: Function, values: int) -> nn.Module:
    torch.manual_seed(1)
    return Between(middle, values).eval().double()


def make_pixels() -> Tensor:
    return 0.2 + 0.6 * torch.rand(3, 1, 6, 6, generator=torch.Generator().manual_seed(2)).double()


def make_batch_norm(layer: nn.BatchNorm2d) -> nn.BatchNorm2d:
    """Statistics and weights of which none is like another, some negative."""
    assert layer.running_mean is not None
    assert layer.running_var is not None
    layer.running_mean.copy_(torch.tensor([0.3, -0.2]))
    layer.running_var.copy_(torch.tensor([0.5, 2.0]))
    if layer.affine:
        layer.weight.data, layer.bias.data = torch.tensor([-1.5, 0.7]), torch.tensor([0.2, -0.4])
    return layer


@pytest.mark.parametrize(
    ("middle", "values"),
    [
        (lambda h: 3 * h - 0.5, 32),
        (lambda h: 0.5 - h / 4, 32),
        (lambda h: torch.add(h, 1.5), 32),
        (lambda h: 1.5 + h, 32),
        (lambda h: h.add(2 * h), 32),
        (lambda h: torch.sub(h, 3 * h), 32),
        (lambda h: torch.add(2 * h, h), 32),
        (add_in_place, 32),
        (add_own_part, 32),
        (lambda h: F.avg_pool2d(h, 2, 1), 18),
        (lambda h: F.avg_pool2d(h, 3, stride=1), 8),
        (lambda h: F.adaptive_avg_pool2d(h, 3), 18),
        (lambda h: torch.flatten(h, 1), 32),
        (lambda h: h.flatten(2), 32),
        (lambda h: h.contiguous(), 32),
        (lambda h: h.mean((2, 3)), 2),
        (lambda h: h.mean(dim=1), 16),
        (nn.AvgPool2d(2, 1), 18),
        (nn.AdaptiveAvgPool2d(3), 18),
        (nn.Flatten(), 32),
        (nn.Identity(), 32),
        (nn.Dropout(0.5), 32),
        (nn.Conv2d(2, 4, 3, stride=2, padding=1, groups=2, bias=False), 16),
        (make_batch_norm(nn.BatchNorm2d(2)), 32),
        (make_batch_norm(nn.BatchNorm2d(2, affine=False)), 32),
    ],
)
def test_of_a_network_without_bends_the_bound_is_the_worst_corner(middle: Function, values: int) -> None:
    """Which is lost where the interval of a value in the middle stands for it: a convolution has mixed the pixels."""
    model, pixels = make_model(middle, values), make_pixels().requires_grad_()
    logits = model(pixels)
    margins = logits.gather(1, LABELS[:, None]) - logits
    slopes = [torch.autograd.grad(column.sum(), pixels, retain_graph=True)[0] for column in margins.unbind(1)]
    fall = EPS * torch.stack([slope.flatten(1).abs().sum(1) for slope in slopes], 1)
    found = bound_backward(model, pixels.detach(), LABELS, EPS)
    torch.testing.assert_close(found, (margins - fall).detach())


@pytest.mark.parametrize("middle", [torch.relu, F.relu, lambda h: F.relu(h, inplace=False), lambda h: h.relu()])
def test_a_relu_is_one_however_it_is_written(middle: Function) -> None:
    pixels = make_pixels()
    expected = bound_backward(make_model(nn.ReLU(), 32), pixels, LABELS, EPS)
    torch.testing.assert_close(bound_backward(make_model(middle, 32), pixels, LABELS, EPS), expected)


def test_what_is_neither_affine_nor_a_relu_is_held_by_its_interval() -> None:
    """The largest of overlapping windows: no image of the box lies below, and the bound is no empty one."""
    model, pixels = make_model(nn.MaxPool2d(2, 1), 18), make_pixels()
    found = bound_backward(model, pixels, LABELS, EPS)
    torch.manual_seed(3)
    for _ in range(20):
        logits = model(pixels + EPS * (2 * torch.randint(0, 2, pixels.shape) - 1))
        assert (logits.gather(1, LABELS[:, None]) - logits >= found - 1e-12).all()
    assert (found > -10).all()
    torch.testing.assert_close(found.gather(1, LABELS[:, None]), torch.zeros(3, 1).double())
