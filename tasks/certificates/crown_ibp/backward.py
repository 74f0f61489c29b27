"""Linear bounds of the margins of a network, from its last layer back to its image.

CROWN (Zhang et al. 2018, arXiv 1811.00866) on interval bounds of every layer: CROWN-IBP, Zhang et al. 2020 (arXiv
1906.06316, section 3.2). A margin is at least A h + c for what a layer h puts out; a linear layer turns A into that of
its own input, a ReLU does so by two lines around it, and at the image the worst corner of the box is left.
"""

from __future__ import annotations

import operator
from collections.abc import Callable
from typing import Any, cast

import torch
from torch import Tensor, fx, nn
from torch.nn import functional as F

from tasks.certificates.interval_bounds.propagate import Bounds, IntervalWalk, find_scaling

AFFINE_LAYERS = (nn.Linear, nn.Conv2d, nn.AvgPool2d, nn.AdaptiveAvgPool2d, nn.Flatten, nn.Identity, nn.Dropout)
"""Each value that they put out is a sum of factors times inputs, and a constant."""
SUMS: dict[Any, float] = {operator.add: 1, operator.iadd: 1, torch.add: 1, "add": 1, operator.sub: -1, torch.sub: -1}
"""Of two branches, and the sign of the second; a text is a method."""
AFFINE_FUNCTIONS = {
    *SUMS, operator.mul, operator.truediv, torch.flatten, F.avg_pool2d, F.adaptive_avg_pool2d, "flatten", "mean",
    "contiguous",
}  # fmt: skip
"""Likewise, where all that they read but one is constant."""
RELUS = {torch.relu, F.relu, "relu"}


def bound_margins_backward(walk: IntervalWalk, start: Bounds, labels: Tensor) -> Tensor:
    """Lower bounds of the margins of the label over every class, float [N, classes]; 0 over the label itself.

    :param walk: has been through the network on `start`: it knows the interval of every layer.
    :param start: of the images, float [N, C, H, W].
    :param labels: int64 [N].
    """
    nodes = walk.list_nodes()
    (end,) = (cast(fx.Node, node.args[0]) for node in nodes if node.op == "output")
    classes, clean = walk.get_bounds(end).clean.shape[1], start.clean
    every = torch.eye(classes, dtype=clean.dtype, device=clean.device)
    back = _Backward(walk, start, clean.new_zeros(len(clean), classes))
    back.receive(end, every[labels][:, None] - every[None])
    for node in reversed(nodes):
        if node in back.factors:
            back.pass_on(node)
    return back.constant


class _Backward:
    """Factors of what each node puts out, and the sum of what needs none."""

    def __init__(self, walk: IntervalWalk, start: Bounds, constant: Tensor) -> None:
        self._walk, self._start = walk, start
        self.factors: dict[fx.Node, Tensor] = {}
        """Node -> float [N, margins, ...] for its values [N, ...]."""
        self.constant = constant
        """float [N, margins]."""

    def receive(self, node: fx.Node, factors: Tensor) -> None:
        """What reads a node gives it its factors, float [N, margins, ...]; those of several readers add up."""
        self.factors[node] = self.factors[node] + factors if node in self.factors else factors

    def pass_on(self, node: fx.Node) -> None:
        """Turn the factors of a node into those of what it reads."""
        factors, target = self.factors.pop(node), node.target
        sources = [each for each in node.all_input_nodes if isinstance(self._walk.values[each], Bounds)]
        layer = self._walk.fetch_attr(str(target)) if node.op == "call_module" else None
        if node.op == "placeholder":
            self._stop_at(self._start, factors)
        elif isinstance(layer, nn.ReLU) or target in RELUS:
            self._pass_relu(sources[0], factors)
        elif len(sources) == 2 and target in SUMS:
            self.receive(sources[0], factors)
            self.receive(sources[1], SUMS[target] * factors)
        elif len(sources) == 1 and (function := self._find_affine(node, layer, sources[0])) is not None:
            self._pass_affine(function, sources[0], factors)
        else:  # such as the largest of several values: its own interval stands for it
            self._stop_at(self._walk.get_bounds(node), factors)

    def _stop_at(self, bounds: Bounds, factors: Tensor) -> None:
        """The least that the factors make of values within bounds."""
        least = factors.clamp(min=0) * bounds.lower[:, None] + factors.clamp(max=0) * bounds.upper[:, None]
        self.constant = self.constant + least.flatten(2).sum(2)

    def _pass_relu(self, source: fx.Node, factors: Tensor) -> None:
        """Between its ends a ReLU lies under the chord, and above 0 and its input: the one that loses less is taken."""
        bounds = self._walk.get_bounds(source)
        lower, upper = bounds.lower, bounds.upper
        crosses, passes = (lower < 0) & (upper > 0), (lower >= 0).to(lower.dtype)
        chord = torch.where(crosses, upper / torch.where(crosses, upper - lower, 1.0), passes)
        below = torch.where(crosses, (upper > -lower).to(lower.dtype), passes)
        height = torch.where(crosses, -lower * chord, 0.0)
        rising, falling = factors.clamp(min=0), factors.clamp(max=0)
        self.constant = self.constant + (falling * height[:, None]).flatten(2).sum(2)
        self.receive(source, rising * below[:, None] + falling * chord[:, None])

    def _pass_affine(self, function: Callable[[Tensor], Tensor], source: fx.Node, factors: Tensor) -> None:
        """Its transpose, which is its backward pass, and its value at zero."""
        shape, many = self._walk.get_bounds(source).clean.shape[1:], factors.flatten(0, 1)
        learns = torch.is_grad_enabled()
        with torch.enable_grad():
            zeros = many.new_zeros(len(many), *shape).requires_grad_(True)
            put_out = function(zeros)
            (taken,) = torch.autograd.grad(put_out, zeros, many, create_graph=learns)
        at_zero = put_out if learns else put_out.detach()
        self.constant = self.constant + (many * at_zero).flatten(1).sum(1).view(factors.shape[:2])
        self.receive(source, taken.view(*factors.shape[:2], *shape))

    def _find_affine(self, node: fx.Node, layer: Any, source: fx.Node) -> Callable[[Tensor], Tensor] | None:
        """A node as a function of its one input; null where it is not affine."""
        if isinstance(layer, (nn.BatchNorm1d, nn.BatchNorm2d)):
            factor, shift = find_scaling(layer, self._walk.get_bounds(source).clean)
            return lambda values: values * factor + shift
        if layer is not None:
            return layer if isinstance(layer, AFFINE_LAYERS) else None
        if node.target not in AFFINE_FUNCTIONS:
            return None

        def compute(values: Tensor) -> Tensor:
            known = {**self._walk.values, source: values}
            given: Any = fx.node.map_arg((node.args, node.kwargs), known.__getitem__)
            args, kwargs = given
            if isinstance(node.target, str):
                return cast(Tensor, getattr(args[0], node.target)(*args[1:], **kwargs))
            function = operator.add if node.target is operator.iadd else cast(Callable[..., Tensor], node.target)
            return cast(Tensor, function(*args, **kwargs))

        return compute
