"""Interval bounds of networks worked by hand, and what they promise of any other."""

from __future__ import annotations

from collections.abc import Callable
from typing import cast

import pytest
import torch
from torch import Tensor, nn

from tasks.certificates.interval_bounds.propagate import (
    Bounds,
    IntervalWalk,
    bound_margins,
    make_box,
    trace_network,
)
from tasks.data.images import Images, convert_to_float
from tasks.errors import StageError
from tests.support.attack_models import Linear, linear_images, network, network_images
from tests.support.certificates import certify_batch


def make_hand_network() -> nn.Sequential:
    """Two pixels, two hidden values, two logits."""
    hidden, last = nn.Linear(2, 2), nn.Linear(2, 2)
    hidden.weight.data, hidden.bias.data = torch.tensor([[1.0, -2.0], [3.0, 1.0]]), torch.tensor([0.5, -1.0])
    last.weight.data, last.bias.data = torch.tensor([[1.0, 1.0], [-1.0, 2.0]]), torch.tensor([0.0, 1.0])
    return nn.Sequential(nn.Flatten(), hidden, nn.ReLU(), last).double()


def test_bounds_of_a_network_worked_by_hand() -> None:
    """Pixels in [.4, .6] and [.1, .3]: hidden [.3, .9] and [.3, 1.1]; the margin of logit 1 is -2 h0 + h1 + 1."""
    pixels = torch.tensor([[[[0.5, 0.2]]]], dtype=torch.float64)
    logits, margins = bound_margins(
        trace_network(make_hand_network()), Bounds(pixels, pixels - 0.1, pixels + 0.1), torch.tensor([1])
    )
    torch.testing.assert_close(logits, torch.tensor([[1.3, 1.8]], dtype=torch.float64))
    torch.testing.assert_close(margins, torch.tensor([[-2 * 0.9 + 0.3 + 1, 0.0]], dtype=torch.float64))


def test_a_box_ends_where_pixels_do() -> None:
    pixels = torch.tensor([[[[0.05, 0.5, 0.95]]]])
    box = make_box(pixels, 0.1)
    torch.testing.assert_close(box.lower, torch.tensor([[[[0.0, 0.4, 0.85]]]]))
    torch.testing.assert_close(box.upper, torch.tensor([[[[0.15, 0.6, 1.0]]]]))
    assert box.clean is pixels


def test_a_relu_cuts_what_lies_below_zero() -> None:
    pixels = torch.tensor([[[[0.0, 0.4]]]], dtype=torch.float64)
    graph = trace_network(make_hand_network()[:3])
    bounds = graph_bounds(graph, pixels, 0.2)
    torch.testing.assert_close(bounds.lower, torch.zeros(1, 2, dtype=torch.float64))
    torch.testing.assert_close(bounds.upper, torch.tensor([[0.3, 0.2]], dtype=torch.float64))


def graph_bounds(graph: torch.fx.GraphModule, pixels: Tensor, eps: float) -> Bounds:
    found = IntervalWalk(graph).run(Bounds(pixels, pixels - eps, pixels + eps))
    assert isinstance(found, Bounds)
    return found


class Plain(nn.Module):
    """The linear model with a layer in the place of its formula; classes a and b alone."""

    def __init__(self) -> None:
        super().__init__()
        model = Linear()
        self.layer = nn.Linear(16, 2)
        self.layer.weight.data = torch.stack([model.weight.data, -model.weight.data])
        self.layer.bias.data = torch.stack([-model.offset.data, model.offset.data])

    def forward(self, pixels: Tensor) -> Tensor:
        return cast(Tensor, self.layer(pixels.flatten(1)))


def test_a_linear_model_is_certified_up_to_its_distance() -> None:
    draw = torch.Generator().manual_seed(5)
    pixels = torch.randint(90, 165, (12, 1, 4, 4), generator=draw).to(torch.uint8)
    images = Images(pixels, Linear()(convert_to_float(pixels)).argmax(1), ("a", "b"))
    (found,) = certify_batch(Plain(), images, 0.02, name="interval_bounds")
    exact = Linear().distances(convert_to_float(pixels), "linf").double()
    torch.testing.assert_close(found.radius, exact, rtol=0, atol=5e-5)
    assert (found.radius <= exact).all()
    assert torch.equal(found.certified, exact > 0.02)


def test_the_box_ends_where_the_range_of_pixels_ends() -> None:
    """What the linear model can lose within eps is found by taking each value to the end that it has left."""
    draw = torch.Generator().manual_seed(6)
    pixels = (255 * torch.randint(0, 2, (8, 1, 4, 4), generator=draw)).to(torch.uint8)
    images = Images(pixels, Linear()(convert_to_float(pixels)).argmax(1), ("a", "b"))
    (found,) = certify_batch(Plain(), images, 0.02, name="interval_bounds")
    flat, weight = convert_to_float(pixels).flatten(1).double(), Linear().weight.detach().double()
    score = flat @ weight - Linear().offset.detach().double()
    push = -score.sign()[:, None] * weight
    gain = torch.where(push > 0, (1 - flat) * push, flat * -push).sum(1)  # for a step of 1 from a black or white value
    torch.testing.assert_close(found.radius, (score.abs() / gain).clamp(max=1), rtol=0, atol=5e-5)


def test_the_radius_is_at_least_a_budget_that_is_certified() -> None:
    images = linear_images(4)
    exact = Linear().distances(convert_to_float(images.pixels), "linf").tolist()
    for place, distance in enumerate(exact):
        one = Images(images.pixels[place : place + 1], images.labels[place : place + 1], ("a", "b"))
        (found,) = certify_batch(Plain(), one, distance - 1.5e-6, name="interval_bounds")
        assert found.certified.all()
        assert found.radius.item() >= distance - 1.5e-6


class Apply(nn.Module):
    """What a function makes of the pixels."""

    def __init__(self, function: Callable[[Tensor], Tensor]) -> None:
        super().__init__()
        self.function = function

    def forward(self, pixels: Tensor) -> Tensor:
        return self.function(pixels)


def make_convolution() -> nn.Module:
    layer = nn.Conv2d(1, 1, 1)
    layer.weight.data.fill_(-2.0)
    layer.bias = nn.Parameter(torch.tensor([5.0]))
    return layer


def make_batch_norm() -> nn.Module:
    layer = nn.BatchNorm2d(1, eps=0).eval()
    layer.running_mean, layer.running_var = torch.tensor([0.2]), torch.tensor([4.0])
    layer.weight.data, layer.bias.data = torch.tensor([-1.0]), torch.tensor([1.0])
    return layer


@pytest.mark.parametrize(
    ("layer", "lower", "upper"),
    [
        (make_convolution(), 3.8, 4.2),
        (make_batch_norm(), 0.8, 0.9),
        (Apply(lambda x: -3 * x), -1.8, -1.2),
        (Apply(lambda x: x / -2), -0.3, -0.2),
        (Apply(lambda x: 1 - x), 0.4, 0.6),
        (Apply(lambda x: x - 2 * x), -0.8, -0.2),
        (Apply(lambda x: 3 * x - x), 0.6, 1.4),
    ],
)
def test_a_layer_takes_the_ends_of_an_interval_where_it_takes_them(
    layer: nn.Module, lower: float, upper: float
) -> None:
    """Of pixels in [0.4, 0.6]; what two branches share is not seen, so that x - 2 x may be 0.4 - 2 * 0.6."""
    pixels = torch.full((1, 1, 1, 1), 0.5, dtype=torch.float64)
    found = graph_bounds(trace_network(nn.Sequential(layer).double()), pixels, 0.1)
    assert [found.lower.item(), found.upper.item()] == pytest.approx([lower, upper])


def test_margins_of_a_network_that_does_not_end_with_a_linear_layer_are_of_the_worst_logits() -> None:
    """Hidden [.3, .9] and [.3, 1.1], logits [.6, 2] and [.7, 2.9]."""
    pixels = torch.tensor([[[[0.5, 0.2]]]], dtype=torch.float64)
    graph = trace_network(nn.Sequential(*make_hand_network(), nn.ReLU()))
    for label, margins in ((1, [0.7 - 2.0, 0.0]), (0, [0.0, 0.6 - 2.9])):
        found = bound_margins(graph, Bounds(pixels, pixels - 0.1, pixels + 0.1), torch.tensor([label]))[1]
        torch.testing.assert_close(found, torch.tensor([margins], dtype=torch.float64))


class Every(nn.Module):
    """Every layer that is known, and additions of branches."""

    def __init__(self) -> None:
        super().__init__()
        self.conv1, self.bn1 = nn.Conv2d(1, 4, 3, padding=1), nn.BatchNorm2d(4)
        self.conv2, self.skip = nn.Conv2d(4, 4, 3, padding=1, groups=2), nn.Identity()
        self.pool, self.mean, self.flat = nn.MaxPool2d(2), nn.AvgPool2d(2), nn.Flatten()
        self.drop, self.fc = nn.Dropout(), nn.Linear(16, 3)

    def forward(self, pixels: Tensor) -> Tensor:
        h = torch.relu(self.bn1(self.conv1((pixels - 0.4) / 0.3)))
        h = self.pool(torch.nn.functional.relu(self.conv2(h) + self.skip(h)))
        h = self.mean(2 * h - h)
        return cast(Tensor, self.fc(self.drop(self.flat(h))))


def test_no_image_of_the_box_lies_outside_of_the_bounds() -> None:
    torch.manual_seed(0)
    model = Every()
    model(torch.rand(20, 1, 8, 8))  # gives batch norm statistics
    model.eval()
    pixels, labels = torch.rand(6, 1, 8, 8), torch.tensor([0, 1, 2, 0, 1, 2])
    logits, margins = bound_margins(trace_network(model), Bounds(pixels, pixels - 0.05, pixels + 0.05), labels)
    torch.testing.assert_close(logits, model(pixels))
    for draw in range(40):
        corner = pixels + 0.05 * (torch.randint(0, 2, pixels.shape) * 2 - 1 if draw else 0)
        found = model(corner)
        assert (found.gather(1, labels[:, None]) - found >= margins - 1e-5).all()
    assert (margins.scatter(1, labels[:, None], 1.0) < 1.0).any(), "the bounds say something"


def test_a_residual_network_is_never_certified_beyond_what_an_attack_finds() -> None:
    model = network()
    images = network_images(model, 12)
    (found,) = certify_batch(model, images, 5e-5, name="interval_bounds")
    pixels = convert_to_float(images.pixels).requires_grad_(True)
    loss = torch.nn.functional.cross_entropy(model(pixels), images.labels)
    (gradient,) = torch.autograd.grad(loss, pixels)
    step = found.radius[:, None, None, None].float() * gradient.sign()
    assert model((pixels + step).clamp(0, 1)).argmax(1).eq(images.labels).all()
    assert found.radius.gt(0).any()
    assert torch.equal(found.certified, found.radius >= 5e-5)


class Smooth(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.body = nn.Sequential(nn.Flatten(), nn.Linear(4, 4), nn.GELU())

    def forward(self, pixels: Tensor) -> Tensor:
        return cast(Tensor, self.body(pixels))


class Squares(nn.Module):
    def forward(self, pixels: Tensor) -> Tensor:
        return torch.exp(pixels.flatten(1))


class Decides(nn.Module):
    def forward(self, pixels: Tensor) -> Tensor:
        return pixels.flatten(1) if pixels.sum() > 0 else -pixels.flatten(1)


class Pads(nn.Module):
    """A convolution that repeats the values at its border in the place of zeros."""

    def __init__(self) -> None:
        super().__init__()
        self.layer = nn.Conv2d(1, 1, 3, padding=1, padding_mode="circular")

    def forward(self, pixels: Tensor) -> Tensor:
        return cast(Tensor, self.layer(pixels).flatten(1))


@pytest.mark.parametrize(
    ("model", "message"),
    [
        (Smooth(), "body.2, a GELU: they know Linear, Conv2d"),
        (Squares(), "exp in the forward pass: they know add"),
        (Decides(), "can be traced"),
        (Pads(), "padded by zeros, not by circular"),
        (Apply(lambda pixels: pixels.flatten(1) * pixels.flatten(1)), "products of two values"),
        (Apply(lambda pixels: 2 / pixels.flatten(1)), "quotients by a value"),
        (Apply(lambda pixels: pixels), r"logits \[N, classes\]"),
        (Apply(lambda _: torch.ones(2, 4)), r"logits \[N, classes\]"),
    ],
)
def test_what_is_not_known_is_named(model: nn.Module, message: str) -> None:
    images = Images(torch.zeros(2, 1, 2, 2, dtype=torch.uint8), torch.zeros(2, dtype=torch.int64), tuple("abcd"))
    with pytest.raises(StageError, match=message):
        certify_batch(model, images, 0.1, name="interval_bounds")


def test_dropout_is_nothing_but_in_training() -> None:
    pixels = torch.full((1, 1, 1, 2), 0.5)
    graph = trace_network(nn.Sequential(nn.Flatten(), nn.Dropout(0.5)))
    torch.testing.assert_close(graph_bounds(graph.eval(), pixels, 0.25).upper, torch.full((1, 2), 0.75))
    with pytest.raises(StageError, match="do not know dropout in training"):
        graph_bounds(graph.train(), pixels, 0.25)
