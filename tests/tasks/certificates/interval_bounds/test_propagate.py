"""Layers and functions one by one: their bounds are the exact ends, and what is not known is refused by its name."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from tasks.certificates.interval_bounds.propagate import (
    Bounds,
    IntervalWalk,
    bound_margins,
    find_scaling,
    trace_network,
)
from tasks.errors import StageError

Function = Callable[[Tensor], Tensor]


class Apply(nn.Module):
    """What a function makes of the pixels."""

    def __init__(self, function: Function) -> None:
        super().__init__()
        self.function = function

    def forward(self, pixels: Tensor) -> Tensor:
        return self.function(pixels)


def make_bounds(*shape: int) -> Bounds:
    """Intervals of which no two are alike, around values of either sign that do not stand in their middle."""
    draw = torch.Generator().manual_seed(4)
    below, clean, above = torch.rand(3, *shape, generator=draw).double().unbind(0)
    return Bounds(clean - 0.5, clean - 0.5 - 0.3 * below, clean - 0.5 + 0.7 * above)


def run(model: nn.Module, start: Bounds) -> Bounds:
    """What a layer, or a model of the user, makes of bounds."""
    found = IntervalWalk(trace_network(nn.Sequential(model).double())).run(start)
    assert isinstance(found, Bounds)
    return found


@pytest.mark.parametrize(
    "rising",
    [
        lambda h: h + 0.7, lambda h: 0.7 + h, lambda h: h - 0.7, lambda h: 3 * h, lambda h: h * 3, lambda h: h / 4,
        lambda h: torch.add(h, 0.7), lambda h: torch.sub(h, 0.7), lambda h: h.add(0.7),
        torch.relu, F.relu, lambda h: F.relu(h, inplace=True), lambda h: h.relu(),
        torch.flatten, lambda h: torch.flatten(h, 2), lambda h: h.flatten(1), lambda h: h.contiguous(),
        lambda h: h.mean(1), lambda h: h.mean((2, 3), keepdim=True),
        lambda h: F.avg_pool2d(h, 2, 1), lambda h: F.max_pool2d(h, 2, 1), lambda h: F.adaptive_avg_pool2d(h, 2),
        nn.ReLU(), nn.MaxPool2d(2, 1), nn.AvgPool2d(2, 1), nn.AdaptiveAvgPool2d(2), nn.Flatten(), nn.Identity(),
    ],
)  # fmt: skip
def test_what_never_falls_takes_the_ends_to_the_ends(rising: Function) -> None:
    start = make_bounds(2, 3, 4, 4)
    found = run(rising if isinstance(rising, nn.Module) else Apply(rising), start)
    for before, after in zip(start, found, strict=True):
        torch.testing.assert_close(after, rising(before.clone()))


@pytest.mark.parametrize("falling", [lambda h: 0.7 - h, lambda h: -3 * h, lambda h: h / -4, lambda h: torch.sub(1, h)])
def test_what_always_falls_takes_each_end_to_the_other(falling: Function) -> None:
    start = make_bounds(2, 3, 4, 4)
    found = run(Apply(falling), start)
    torch.testing.assert_close(found.clean, falling(start.clean))
    torch.testing.assert_close(found.lower, falling(start.upper))
    torch.testing.assert_close(found.upper, falling(start.lower))


def test_branches_are_added_and_subtracted_end_by_end() -> None:
    start = make_bounds(2, 3)
    both = run(Apply(lambda h: 2 * h + h), start)
    torch.testing.assert_close(both.lower, 3 * start.lower)
    apart = run(Apply(lambda h: 2 * h - h), start)
    torch.testing.assert_close(apart.clean, start.clean)
    torch.testing.assert_close(apart.lower, 2 * start.lower - start.upper)
    torch.testing.assert_close(apart.upper, 2 * start.upper - start.lower)


LINEAR: dict[str, Callable[[], nn.Module]] = {
    "plain": lambda: nn.Conv2d(2, 3, 3),
    "strided": lambda: nn.Conv2d(2, 3, 3, stride=2, padding=1),
    "dilated": lambda: nn.Conv2d(2, 3, 2, dilation=2, bias=False),
    "grouped": lambda: nn.Conv2d(2, 4, 3, groups=2),
    "linear": lambda: nn.Linear(5, 3),
    "without bias": lambda: nn.Linear(5, 3, bias=False),
}


@pytest.mark.parametrize("name", LINEAR)
def test_a_linear_layer_reaches_each_end_at_a_corner(name: str) -> None:
    """Every value that it puts out is tried at the two corners where its own weights push."""
    torch.manual_seed(5)
    layer = LINEAR[name]().double()
    start = make_bounds(1, 2, 5, 5)
    found = run(layer, start)
    torch.testing.assert_close(found.clean, layer(start.clean))
    pixels = start.clean.clone().requires_grad_()
    put_out = layer(pixels)
    for place in range(put_out.numel()):
        (slope,) = torch.autograd.grad(put_out.flatten()[place], pixels, retain_graph=True)
        low, high = (torch.where(slope * side > 0, start.upper, start.lower) for side in (-1, 1))
        assert found.lower.flatten()[place].item() == pytest.approx(layer(low).flatten()[place].item())
        assert found.upper.flatten()[place].item() == pytest.approx(layer(high).flatten()[place].item())


@pytest.mark.parametrize("make", [nn.BatchNorm1d, nn.BatchNorm2d])
@pytest.mark.parametrize("options", [{}, {"affine": False}, {"track_running_stats": False}])
@pytest.mark.parametrize("training", [False, True])
def test_batch_norm_is_a_factor_and_an_offset_of_each_channel(
    make: type[nn.BatchNorm1d | nn.BatchNorm2d], options: dict[str, bool], training: bool
) -> None:
    torch.manual_seed(6)
    layer = make(3, **options).double()
    for values in (*layer.parameters(), *(each for each in layer.buffers() if each.is_floating_point())):
        values.data.copy_(torch.rand(3) + 0.2)
    if layer.affine:
        layer.weight.data[1] = -0.6
    start = make_bounds(4, 3) if make is nn.BatchNorm1d else make_bounds(4, 3, 2, 5)
    layer.train(training)
    factor, shift = find_scaling(layer, start.clean)
    assert factor.shape == (1, 3, *[1] * (start.clean.dim() - 2))
    before = {name: value.clone() for name, value in layer.state_dict().items()}
    statistics = (None, None) if training else (layer.running_mean, layer.running_var)
    expected = F.batch_norm(
        start.clean, *statistics, layer.weight, layer.bias, training or statistics[0] is None, eps=layer.eps
    )
    torch.testing.assert_close(start.clean * factor + shift, expected)
    found = run(layer, start)
    torch.testing.assert_close(found.lower, torch.minimum(start.lower * factor, start.upper * factor) + shift)
    torch.testing.assert_close(found.upper, torch.maximum(start.lower * factor, start.upper * factor) + shift)
    if layer.running_mean is not None:
        mean = start.clean.transpose(0, 1).flatten(1).mean(1)
        noted = 0.9 * before["running_mean"] + 0.1 * mean if training else before["running_mean"]
        torch.testing.assert_close(layer.running_mean, noted)
        assert layer.num_batches_tracked == before["num_batches_tracked"] + training, "it notes the images once"


def test_the_margins_of_a_last_layer_without_bias_are_bounded_by_their_own_weights() -> None:
    layer, start = nn.Linear(2, 2, bias=False).double(), make_bounds(1, 2)
    layer.weight.data = torch.tensor([[1.0, 2.0], [0.5, -3.0]]).double()
    for label, weight in ((0, torch.tensor([0.5, 5.0])), (1, torch.tensor([-0.5, -5.0]))):
        margins = bound_margins(trace_network(nn.Sequential(layer)), start, torch.tensor([label]))[1]
        ends = torch.where(weight > 0, start.lower, start.upper)
        torch.testing.assert_close(margins[0, 1 - label], (weight * ends).sum())
        assert margins[0, label] == 0


@pytest.mark.parametrize(
    ("model", "message"),
    [
        (nn.Conv2d(2, 2, 3, padding=1, padding_mode="reflect"), "padded by zeros, not by reflect"),
        (nn.Dropout().train(), "do not know dropout in training"),
        (Apply(lambda h: h * h), "do not know products of two values"),
        (Apply(lambda h: 1 / h), "do not know quotients by a value"),
        (Apply(lambda h: torch.cat([h, h], 1)), "do not know the function cat in the forward pass"),
        (Apply(lambda h: h.exp()), "do not know the function exp in the forward pass: they know add"),
        (nn.Sigmoid(), "do not know the layer 0, a Sigmoid: they know Linear, Conv2d"),
        (Apply(lambda h: 2 * h), r"a model that returns logits \[N, classes\] made of its image"),
    ],
)
def test_what_is_not_known_is_refused_by_its_name(model: nn.Module, message: str) -> None:
    with pytest.raises(StageError, match=message):
        bound_margins(trace_network(nn.Sequential(model).double()), make_bounds(2, 2, 4, 4), torch.tensor([0, 1]))


def test_dropout_of_a_model_that_does_not_learn_changes_nothing() -> None:
    start = make_bounds(2, 3)
    assert run(nn.Dropout().eval(), start) is start


def test_what_does_not_depend_on_the_image_is_computed_as_it_is() -> None:
    class Shifted(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.shift = nn.Parameter(torch.tensor([-0.5, 0.25, 1.0]))

        def forward(self, pixels: Tensor) -> Tensor:
            return pixels + torch.exp(self.shift).abs() * 2

    start = make_bounds(2, 3)
    shift = 2 * torch.tensor([-0.5, 0.25, 1.0]).double().exp()
    found = run(Shifted(), start)
    torch.testing.assert_close(found.lower, start.lower + shift)
    torch.testing.assert_close(found.upper, start.upper + shift)
