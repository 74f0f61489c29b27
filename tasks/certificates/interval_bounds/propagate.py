"""Bounds of every layer of a network, from the first to the last (Gowal et al. 2018, arXiv 1810.12715).

The network is traced, so that additions of branches and functions in its forward pass are seen like its layers.
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple, cast

import torch
from torch import Tensor, fx, nn
from torch.nn import functional as F

from tasks.errors import StageError


class Bounds(NamedTuple):
    """Ends of an interval for each value, and the value for the image itself."""

    clean: Tensor
    lower: Tensor
    upper: Tensor

    def apply(self, monotone: Callable[[Tensor], Tensor]) -> Bounds:
        """After a function that never falls, or one that moves values about; tensors [N, ...]."""
        return Bounds(*map(monotone, self))

    def spread(self, linear: Callable[[Tensor], Tensor], magnitude: Callable[[Tensor], Tensor]) -> Bounds:
        """After a linear layer; tensors [N, ...].

        :param linear: the layer.
        :param magnitude: the same with the magnitudes of its weights, and without its bias.
        """
        middle, half = linear((self.lower + self.upper) / 2), magnitude((self.upper - self.lower) / 2)
        return Bounds(linear(self.clean), middle - half, middle + half)

    def scale(self, factor: Tensor, shift: Tensor | float = 0.0) -> Bounds:
        """After a factor and an offset for each value; both broadcast against [N, ...]."""
        return self.spread(lambda values: values * factor + shift, lambda values: values * factor.abs())


def trace_network(model: nn.Module) -> fx.GraphModule:
    """The model as a graph of layers and functions.

    :raises StageError: its forward pass cannot be written down, as where it decides by values.
    """
    try:
        return fx.symbolic_trace(model)
    except Exception as error:  # whatever a model's own code raises when it is given a proxy
        raise StageError(f"interval bounds need a forward pass that can be traced: {error}") from error


def make_box(pixels: Tensor, eps: float) -> Bounds:
    """All images of [0, 1] within eps of each of some, float [N, C, H, W]."""
    return Bounds(pixels, (pixels - eps).clamp(0, 1), (pixels + eps).clamp(0, 1))


def bound_margins(graph: fx.GraphModule, start: Bounds, labels: Tensor) -> tuple[Tensor, Tensor]:
    """`IntervalWalk.bound_margins` of a graph of `trace_network`; float [N, classes] both."""
    return IntervalWalk(graph).bound_margins(start, labels)


class IntervalWalk(fx.Interpreter):
    """Runs a graph of `trace_network` on bounds in the place of tensors, and keeps what each node puts out."""

    def __init__(self, graph: fx.GraphModule) -> None:
        super().__init__(graph)
        self.extra_traceback = False  # what is not known is told by its name, not by a line of the graph
        self._nodes = list(graph.graph.nodes)
        self.values: dict[fx.Node, Any] = {}
        """Node -> its `Bounds`, or what does not depend on the image."""
        self._last: tuple[nn.Linear, Bounds] | None = None
        """The last layer and what it is given, where it is linear."""
        (end,) = (node.args[0] for node in graph.graph.nodes if node.op == "output")
        self._end = end.target if isinstance(end, fx.Node) and end.op == "call_module" else None

    def bound_margins(self, start: Bounds, labels: Tensor) -> tuple[Tensor, Tensor]:
        """Logits of the images, and of the margins of the label over every class a lower bound, both [N, classes].

        The margin over the label itself is 0. Where the last layer is linear, it is bounded for each margin by itself:
        that is tighter than the difference of two logits' bounds (section 3 of the paper).

        :param start: of the images, float [N, C, H, W].
        :param labels: int64 [N].
        :raises StageError: a layer or a function is not known here.
        """
        found = self.run(start)
        if not isinstance(found, Bounds) or found.clean.dim() != 2:
            raise StageError("interval bounds need a model that returns logits [N, classes] made of its image")
        if self._last is None:
            own = found.lower.gather(1, labels[:, None]) - found.upper
            return found.clean, own.scatter(1, labels[:, None], 0.0)
        layer, before = self._last
        weight = layer.weight[labels][:, None] - layer.weight[None]
        offset = 0.0 if layer.bias is None else layer.bias[labels][:, None] - layer.bias[None]
        middle, half = (before.lower + before.upper) / 2, (before.upper - before.lower) / 2
        lower = torch.einsum("nkf,nf->nk", weight, middle) - torch.einsum("nkf,nf->nk", weight.abs(), half)
        return found.clean, lower + offset

    def list_nodes(self) -> list[fx.Node]:
        """In the order in which they are run."""
        return self._nodes

    def get_bounds(self, node: fx.Node) -> Bounds:
        """What a node puts out that depends on the image."""
        found = self.values[node]
        assert isinstance(found, Bounds), "it depends on the image"
        return found

    def run_node(self, n: fx.Node) -> Any:
        self.values[n] = super().run_node(n)
        return self.values[n]

    def call_module(self, target: Any, args: Any, kwargs: Any) -> Any:  # noqa: ARG002
        layer = self.fetch_attr(target)
        bound = next((function for kind, function in LAYERS.items() if isinstance(layer, kind)), None)
        if bound is None:
            known = ", ".join(kind.__name__ for kind in LAYERS)
            kind = type(layer).__name__
            raise StageError(f"interval bounds do not know the layer {target}, a {kind}: they know {known}")
        if target == self._end and isinstance(layer, nn.Linear):
            self._last = (layer, args[0])
        return bound(layer, args[0])

    def call_function(self, target: Any, args: Any, kwargs: Any) -> Any:
        if not any(isinstance(value, Bounds) for value in _list_values(args)):
            return super().call_function(target, args, kwargs)
        return self._apply(FUNCTIONS.get(target), getattr(target, "__name__", str(target)), args, kwargs)

    def call_method(self, target: Any, args: Any, kwargs: Any) -> Any:
        if not isinstance(args[0], Bounds):
            return super().call_method(target, args, kwargs)
        return self._apply(METHODS.get(target), str(target), args, kwargs)

    def _apply(self, function: Callable[..., Any] | None, name: str, args: Any, kwargs: Any) -> Any:
        if function is None:
            known = ", ".join(dict.fromkeys([*(each.__name__ for each in FUNCTIONS), *METHODS]))
            raise StageError(f"interval bounds do not know the function {name} in the forward pass: they know {known}")
        return function(*args, **kwargs)


def _list_values(args: Sequence[Any]) -> list[Any]:
    """Those of a function's arguments, and of tuples and lists among them, as of a concatenation."""
    nested = [each if isinstance(each, (tuple, list)) and not isinstance(each, Bounds) else (each,) for each in args]
    return [value for each in nested for value in each]


def _bound_linear(layer: nn.Linear, bounds: Bounds) -> Bounds:
    return bounds.spread(layer, lambda values: F.linear(values, layer.weight.abs()))


def _bound_convolution(layer: nn.Conv2d, bounds: Bounds) -> Bounds:
    if layer.padding_mode != "zeros":
        raise StageError(f"interval bounds know convolutions padded by zeros, not by {layer.padding_mode}")
    options: dict[str, Any] = {name: getattr(layer, name) for name in ("stride", "padding", "dilation", "groups")}
    return bounds.spread(layer, lambda values: F.conv2d(values, layer.weight.abs(), None, **options))


def _bound_batch_norm(layer: nn.BatchNorm1d | nn.BatchNorm2d, bounds: Bounds) -> Bounds:
    factor, shift = find_scaling(layer, bounds.clean)
    if layer.training:
        layer(bounds.clean.detach())  # which notes the statistics of the images
    return bounds.scale(factor, shift)


def find_scaling(layer: nn.BatchNorm1d | nn.BatchNorm2d, clean: Tensor) -> tuple[Tensor, Tensor]:
    """Factor and offset of batch norm, which broadcast against [N, channels, ...].

    In training mode with the statistics of the images themselves, as their own pass has it.

    :param clean: what the images give it, float [N, channels, ...].
    """
    if layer.training or layer.running_mean is None or layer.running_var is None:
        axes = [axis for axis in range(clean.dim()) if axis != 1]
        mean, variance = clean.mean(axes), clean.var(axes, unbiased=False)
    else:
        mean, variance = layer.running_mean, layer.running_var
    factor = (variance + layer.eps).rsqrt() * (1.0 if layer.weight is None else layer.weight)
    shift = (0.0 if layer.bias is None else layer.bias) - mean * factor
    shape = (1, -1, *[1] * (clean.dim() - 2))
    return factor.view(shape), shift.view(shape)


def _bound_monotone(layer: nn.Module, bounds: Bounds) -> Bounds:
    return bounds.apply(layer)


def _bound_identity(layer: nn.Module, bounds: Bounds) -> Bounds:
    if layer.training and isinstance(layer, nn.Dropout):
        raise StageError("interval bounds do not know dropout in training")
    return bounds


LAYERS: Mapping[type[nn.Module], Callable[[Any, Bounds], Bounds]] = {
    nn.Linear: _bound_linear,
    nn.Conv2d: _bound_convolution,
    nn.BatchNorm2d: _bound_batch_norm,
    nn.BatchNorm1d: _bound_batch_norm,
    nn.ReLU: _bound_monotone,
    nn.MaxPool2d: _bound_monotone,
    nn.AvgPool2d: _bound_monotone,
    nn.AdaptiveAvgPool2d: _bound_monotone,
    nn.Flatten: _bound_monotone,
    nn.Identity: _bound_identity,
    nn.Dropout: _bound_identity,
}


def _keep_order(function: Callable[..., Tensor]) -> Callable[..., Bounds]:
    """A function that never falls, of bounds and of what is no value."""

    def apply(bounds: Bounds, *args: Any, **kwargs: Any) -> Bounds:
        return bounds.apply(lambda values: function(values, *args, **kwargs))

    return apply


def _keep_order_by(name: str) -> Callable[..., Bounds]:
    return _keep_order(lambda values, *args, **kwargs: getattr(values, name)(*args, **kwargs))


def _add(one: Any, other: Any) -> Bounds:
    if isinstance(one, Bounds) and isinstance(other, Bounds):
        return Bounds(one.clean + other.clean, one.lower + other.lower, one.upper + other.upper)
    bounds, shift = (one, other) if isinstance(one, Bounds) else (other, one)
    return cast(Bounds, bounds.apply(lambda values: values + shift))


def _multiply(one: Any, other: Any) -> Bounds:
    if isinstance(one, Bounds) and isinstance(other, Bounds):
        raise StageError("interval bounds do not know products of two values of a network")
    bounds, factor = (one, other) if isinstance(one, Bounds) else (other, one)
    return cast(Bounds, bounds.scale(torch.as_tensor(factor, device=bounds.clean.device)))


def _subtract(one: Any, other: Any) -> Bounds:
    return _add(one, _multiply(other, -1.0) if isinstance(other, Bounds) else -other)


def _divide(one: Any, other: Any) -> Bounds:
    if isinstance(other, Bounds):
        raise StageError("interval bounds do not know quotients by a value of a network")
    return _multiply(one, 1.0 / other)


FUNCTIONS: Mapping[Any, Callable[..., Any]] = {
    operator.add: _add, operator.iadd: _add, torch.add: _add,
    operator.sub: _subtract, torch.sub: _subtract,
    operator.mul: _multiply, operator.truediv: _divide,
    torch.relu: _keep_order(torch.relu), F.relu: _keep_order(lambda values, inplace=False: F.relu(values)),  # noqa: ARG005
    torch.flatten: _keep_order(torch.flatten), F.avg_pool2d: _keep_order(F.avg_pool2d),
    F.max_pool2d: _keep_order(F.max_pool2d), F.adaptive_avg_pool2d: _keep_order(F.adaptive_avg_pool2d),
}  # fmt: skip
METHODS: Mapping[str, Callable[..., Any]] = {
    **{name: _keep_order_by(name) for name in ("relu", "flatten", "mean", "contiguous")},
    "add": _add,
}
