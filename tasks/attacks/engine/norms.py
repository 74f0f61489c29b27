"""What a norm adds to the one attack loop: a direction of ascent, a projection, a random start, a size.

Every function works on a batch [N, C, H, W] and treats each image alone, so that results do not depend on the batch.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import torch
from torch import Tensor


class Norm(Protocol):
    """One norm of perturbations; sizes and budgets are in pixels of [0, 1]."""

    def direction(self, gradient: Tensor) -> Tensor:
        """The perturbations of size one that raise the linearised loss most; zero where the gradient is.

        :param gradient: float [N, C, H, W], as the result.
        """

    def project(self, delta: Tensor, eps: float | Tensor) -> Tensor:
        """The nearest perturbations within the budget.

        :param delta: float [N, C, H, W], as the result.
        :param eps: one budget for all, or one for each image, float [N].
        """

    def random(self, shape: torch.Size, eps: float, generator: torch.Generator) -> Tensor:
        """One perturbation drawn uniformly from the ball.

        :param shape: of one image, [C, H, W], and of the result.
        """

    def size(self, delta: Tensor) -> Tensor:
        """The size of each perturbation, float [N].

        :param delta: float [N, C, H, W].
        """


@dataclass(frozen=True)
class Linf(Norm):
    """The largest change of any value."""

    def direction(self, gradient: Tensor) -> Tensor:
        return gradient.sign()

    def project(self, delta: Tensor, eps: float | Tensor) -> Tensor:
        if isinstance(eps, Tensor):
            eps = shape_per_image(eps)
            return torch.minimum(torch.maximum(delta, -eps), eps)
        return delta.clamp(-eps, eps)

    def random(self, shape: torch.Size, eps: float, generator: torch.Generator) -> Tensor:
        return torch.empty(shape).uniform_(-eps, eps, generator=generator)

    def size(self, delta: Tensor) -> Tensor:
        return delta.flatten(1).abs().amax(1)


@dataclass(frozen=True)
class L2(Norm):
    """The Euclidean length of the change."""

    def direction(self, gradient: Tensor) -> Tensor:
        return gradient / shape_per_image(self.size(gradient)).clamp_min(1e-12)

    def project(self, delta: Tensor, eps: float | Tensor) -> Tensor:
        eps = shape_per_image(eps) if isinstance(eps, Tensor) else eps
        return delta * (eps / shape_per_image(self.size(delta)).clamp_min(1e-12)).clamp_max(1)

    def random(self, shape: torch.Size, eps: float, generator: torch.Generator) -> Tensor:
        direction = torch.randn(shape, generator=generator)
        radius = torch.rand((), generator=generator).pow(1 / direction.numel())
        delta: Tensor = direction * (eps * radius / torch.linalg.vector_norm(direction).clamp_min(1e-12))
        return delta

    def size(self, delta: Tensor) -> Tensor:
        length: Tensor = torch.linalg.vector_norm(_flatten_rows(delta), dim=1)[: len(delta)]
        return length


@dataclass(frozen=True)
class L1(Norm):
    """The sum of all changes."""

    def direction(self, gradient: Tensor) -> Tensor:
        flat = gradient.flatten(1)
        best = flat.abs().argmax(1, keepdim=True)
        return torch.zeros_like(flat).scatter_(1, best, flat.gather(1, best).sign()).view_as(gradient)

    def project(self, delta: Tensor, eps: float | Tensor) -> Tensor:
        """By sorting, as in Duchi et al. 2008, Efficient projections onto the l1-ball for learning in high dimensions,
        figure 1; perturbations inside the ball are left as they are.

        :param delta: float [N, C, H, W], as the result.
        :param eps: one budget for all, or one for each image, float [N].
        """
        outside = (self.size(delta) > eps).nonzero(as_tuple=True)[0]
        if not len(outside):
            return delta
        budget = eps[outside, None] if isinstance(eps, Tensor) else eps
        return delta.index_copy(0, outside, self._project(delta[outside], budget))

    def _project(self, delta: Tensor, eps: float | Tensor) -> Tensor:
        flat = delta.flatten(1)
        magnitude = flat.abs()
        ordered = magnitude.sort(dim=1, descending=True).values
        excess = ordered.cumsum(1) - eps
        count = torch.arange(1, flat.shape[1] + 1, device=flat.device)
        support = (ordered * count > excess).sum(1, keepdim=True).clamp_min(1)
        threshold = (excess.gather(1, support - 1) / support).clamp_min(0)
        return (flat.sign() * (magnitude - threshold).clamp_min(0)).view_as(delta)

    def random(self, shape: torch.Size, eps: float, generator: torch.Generator) -> Tensor:
        values = torch.empty(shape).exponential_(generator=generator)
        signs = torch.randint(0, 2, shape, generator=generator) * 2 - 1
        radius = torch.rand((), generator=generator).pow(1 / values.numel())
        return values * signs * (eps * radius / values.sum())

    def size(self, delta: Tensor) -> Tensor:
        total: Tensor = _flatten_rows(delta).abs().sum(1)[: len(delta)]
        return total


@dataclass(frozen=True)
class SparseL1(L1):
    """The sum of all changes; a step spreads evenly over the steepest values."""

    quantile: float = 0.99

    def direction(self, gradient: Tensor) -> Tensor:
        """Tramer and Boneh 2019 (arXiv 1904.13000): the signs of the values at or above the quantile.

        :param gradient: float [N, C, H, W], as the result.
        """
        flat = gradient.flatten(1)
        magnitude = flat.abs()
        count = max(1, round((1 - self.quantile) * flat.shape[1]))
        threshold = magnitude.topk(count, dim=1).values[:, -1:]
        chosen = flat.sign() * (magnitude >= threshold)
        return (chosen / chosen.abs().sum(1, keepdim=True).clamp_min(1)).view_as(gradient)


def project_l1_into_box(clean: Tensor, delta: Tensor, eps: float) -> Tensor:
    """The nearest perturbations within an L1 budget whose images lie in [0, 1]; float [N, C, H, W].

    The nearest point of ball and box together (Croce and Hein 2021, arXiv 2103.01208, proposition 2.1): all changes
    shrink by one threshold and end at the box. What is left falls piecewise linearly with the threshold; the pieces are
    sorted.

    :param clean: float [N, C, H, W] in [0, 1], as `delta` and the result.
    :param eps: the budget in pixels of [0, 1].
    """
    flat, base = delta.flatten(1), clean.flatten(1)
    magnitude, room = flat.abs(), torch.where(flat > 0, 1 - base, base)
    inside = torch.minimum(magnitude, room)
    size = inside.sum(1, keepdim=True)
    # a change begins to shrink where the threshold has eaten what lies beyond the box, and ends at its magnitude
    points, order = torch.cat([(magnitude - room).clamp_min(0), magnitude], 1).sort(dim=1)
    shrinking = torch.where(order < flat.shape[1], 1.0, -1.0).cumsum(1)
    left = size - torch.cat([torch.zeros_like(size), (points.diff(dim=1) * shrinking[:, :-1]).cumsum(1)], 1)
    place = ((left > eps).sum(1, keepdim=True) - 1).clamp_min(0)
    threshold = points.gather(1, place) + (left.gather(1, place) - eps) / shrinking.gather(1, place).clamp_min(1)
    shrunk = torch.minimum((magnitude - threshold).clamp_min(0), room)
    return (flat.sign() * torch.where(size > eps, shrunk, inside)).view_as(delta)


NORMS: dict[str, Norm] = {"linf": Linf(), "l2": L2(), "l1": L1()}
"""The norms in which the loop walks, by the name that a search space gives them; l0 has no ball to project onto."""

DUAL = {"linf": "l1", "l2": "l2", "l1": "linf"}
"""The norm of gradients by which a linear model's distance to the boundary is its margin divided."""


def measure_sizes(delta: Tensor) -> dict[str, Tensor]:
    """The size of each perturbation in every norm: float [N] each; `l0` int64 [N], changed values, each colour alone.

    :param delta: float [N, C, H, W].
    """
    return {name: measure_size(delta, name) for name in (*NORMS, "l0")}


def measure_size(delta: Tensor, norm: str) -> Tensor:
    """The size of each perturbation in one norm: float [N], or int64 [N] for `l0`.

    :param delta: float [N, C, H, W].
    """
    return NORMS[norm].size(delta) if norm in NORMS else (delta.flatten(1) != 0).sum(1)


def _flatten_rows(values: Tensor) -> Tensor:
    """[N, C, H, W] -> [at least 2, C * H * W] in one layout: bits of a sum depend on the layout, and on being alone."""
    flat = values.contiguous().flatten(1).contiguous()
    return flat if len(flat) > 1 else torch.cat([flat, flat])


def shape_per_image(values: Tensor) -> Tensor:
    """One value per image in the shape that multiplies images: [N] -> [N, 1, 1, 1]."""
    return values.view(-1, 1, 1, 1)
