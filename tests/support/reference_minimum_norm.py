"""Attacks that look for the smallest perturbation as their papers write them, for one image at a time."""

from __future__ import annotations

import math
from collections.abc import Callable

import torch
from torch import Tensor, nn

from tests.support.reference_attacks import look, measure


class Smallest:
    """The smallest perturbation that fools the model so far."""

    def __init__(self, model: nn.Module, clean: Tensor, label: int, norm: str) -> None:
        self.model, self.clean, self.label, self.norm = model, clean, label, norm
        self.size, self.delta = math.inf, torch.zeros_like(clean)

    def ask(self, delta: Tensor, loss: Callable[[Tensor], Tensor]) -> tuple[bool, float, Tensor]:
        """Whether it fools the model, the loss, and the gradient of the loss."""
        logits, value, gradient = look(self.model, self.clean + delta, loss)
        fooled = int(logits.argmax()) != self.label
        size = measure(delta, self.norm)
        if fooled and size < self.size:
            self.size, self.delta = size, delta.clone()
        return fooled, value, gradient

    def inside(self, delta: Tensor) -> Tensor:
        return (self.clean + delta).clamp(0, 1) - self.clean


def negated_margin(label: int) -> Callable[[Tensor], Tensor]:
    """By how much the label's logit leads."""

    def loss(logits: Tensor) -> Tensor:
        others = [logits[0, other] for other in range(logits.shape[1]) if other != label]
        return logits[0, label] - torch.stack(others).max()

    return loss


def half_cosine(first: float, last: float, step: int, steps: int) -> float:
    return last + 0.5 * (first - last) * (1 + math.cos(step / steps * math.pi))


def run_ddn(model: nn.Module, clean: Tensor, label: int, steps: int) -> Smallest:
    """Rony et al. 2019, algorithm 1, without the rounding of its last line."""
    best = Smallest(model, clean, label, "l2")
    largest = measure(torch.max(clean, 1 - clean), "l2")
    delta, radius = torch.zeros_like(clean), 1.0
    for step in range(steps):
        fooled, _, gradient = best.ask(delta, lambda logits: logits.log_softmax(1)[0, label])
        delta = delta - half_cosine(1.0, 0.01, step, steps) * gradient / measure(gradient, "l2")
        radius = min(radius * (0.95 if fooled else 1.05), largest)
        delta = best.inside(radius * delta / measure(delta, "l2"))
    return best


def into_l1_ball(delta: Tensor, radius: float) -> Tensor:
    """The nearest perturbation in the ball, by bisection of the threshold."""
    if measure(delta, "l1") <= radius:
        return delta
    low, high = 0.0, float(delta.abs().max())
    for _ in range(60):
        middle = (low + high) / 2
        low, high = (middle, high) if float((delta.abs() - middle).clamp_min(0).sum()) > radius else (low, middle)
    return delta.sign() * (delta.abs() - high).clamp_min(0)


def into_radius(delta: Tensor, radius: float, norm: str) -> Tensor:
    if norm == "linf":
        return delta.clamp(-radius, radius)
    if norm == "l2":
        return delta * min(1.0, radius / max(measure(delta, "l2"), 1e-12))
    if norm == "l1":
        return into_l1_ball(delta, radius)
    kept = sorted(range(delta.numel()), key=lambda place: -abs(float(delta.flatten()[place])))[: int(radius)]
    out = torch.zeros(delta.numel())
    out[kept] = delta.flatten()[kept]
    return out.view_as(delta)


def run_fmn(model: nn.Module, clean: Tensor, label: int, norm: str, steps: int) -> Smallest:
    """Pintor et al. 2021, algorithm 1; no radius before the first success, and after each no more than lies half way
    between the perturbation and the boundary."""
    best = Smallest(model, clean, label, norm)
    largest = measure(torch.max(clean, 1 - clean), norm)
    dual = {"linf": "l1", "l2": "l2", "l1": "linf", "l0": "l0"}[norm]
    delta, radius = torch.zeros_like(clean), 1.0 if norm == "l0" else math.inf
    for step in range(steps):
        step_size, gamma = half_cosine(1.0, 0.01, step, steps), half_cosine(0.05, 0.001, step, steps)
        fooled, value, gradient = best.ask(delta, negated_margin(label))
        if norm == "l0" and fooled:
            radius = max(min(radius - 1, math.floor(radius * (1 - gamma)), best.size), 0)
        elif norm == "l0":
            radius = max(radius + 1, math.floor(radius * (1 + gamma)))
        elif fooled:
            size = measure(delta, norm)
            boundary = size - min(abs(value) / measure(gradient, dual), size)
            radius = min(radius * (1 - gamma), best.size, (size + boundary) / 2)
        elif math.isinf(best.size):
            radius = math.inf
        else:
            radius *= 1 + gamma
        radius = min(radius, largest)
        moved = delta - step_size * gradient / measure(gradient, "l2")
        delta = best.inside(into_radius(moved, radius, norm))
    return best


class ReferenceAdam:
    def __init__(self) -> None:
        self.first, self.second, self.count = 0.0 * torch.zeros(1), 0.0 * torch.zeros(1), 0

    def step(self, gradient: Tensor) -> tuple[Tensor, Tensor]:
        self.count += 1
        self.first = 0.9 * self.first + 0.1 * gradient
        self.second = 0.999 * self.second + 0.001 * gradient**2
        root = torch.sqrt(self.second / (1 - 0.999**self.count)) + 1e-8
        return self.first / (1 - 0.9**self.count), root


def prox(delta: Tensor, weight: float, norm: str) -> Tensor:
    """What is smallest in half the squared distance plus `weight` times the norm."""
    if norm == "l1":
        return delta.sign() * (delta.abs() - weight).clamp_min(0)
    if norm == "l2":
        return delta * max(0.0, 1 - weight / max(measure(delta, "l2"), 1e-12))
    return delta - into_l1_ball(delta, weight)


def run_pdpgd(
    model: nn.Module, clean: Tensor, label: int, norm: str, steps: int, ratio: float = 0.01, dual_rate: float = 0.1
) -> Smallest:
    """Matyasko and Chau 2021, algorithm 2, with the schedules of the authors' code."""
    best, adam = Smallest(model, clean, label, norm), ReferenceAdam()
    delta, dual = torch.zeros_like(clean), -math.log(ratio)
    weight = 1 / (1 + math.exp(-dual))
    for step in range(steps):
        _, value, gradient = best.ask(delta, lambda logits: torch.nn.functional.softplus(negated_margin(label)(logits)))
        lead = math.log(math.expm1(value))
        rate = 0.1 * 0.01 ** (step / steps)
        mean, root = adam.step(gradient)
        moved = best.inside(delta - rate * mean / root)
        fastest = float(root.max())
        shrinkage = (1 - weight) / weight * rate / fastest
        delta = moved
        for _ in range(5):
            before = delta
            delta = best.inside(prox(before - root / fastest * (before - moved), shrinkage, norm))
            if measure(delta - before, "l2") <= 0.01 * measure(delta, "l2"):
                break
        rise = dual_rate * ((steps - 1 - step) / (steps - 1) * 0.9 + 0.1)
        dual = max(min(dual + math.copysign(rise, lead), math.log(1e6)), -math.log(1e6))
        weight = 0.9 * weight + 0.1 / (1 + math.exp(-dual))
    return best


def run_sigma_zero(model: nn.Module, clean: Tensor, label: int, steps: int) -> Smallest:
    """Cina et al. 2025, algorithm 1."""
    best, adam = Smallest(model, clean, label, "l0"), ReferenceAdam()
    delta, threshold, rate = torch.zeros_like(clean), 0.3, 1.0
    for step in range(steps):

        def count(logits: Tensor) -> Tensor:
            return negated_margin(label)(logits).clamp_min(0)

        fooled, _, pushed = best.ask(delta, count)
        varied = delta.clone().requires_grad_(True)
        (shrunk,) = torch.autograd.grad((varied**2 / (varied**2 + 0.001)).sum() / varied.numel(), varied)
        gradient = pushed + shrunk
        mean, root = adam.step(gradient / max(measure(gradient, "linf"), 1e-12))
        delta = best.inside(delta - rate * mean / root)
        rate = half_cosine(1.0, 0.1, step, steps)
        threshold = min(max(threshold + (0.01 if fooled else -0.01) * rate, 0.0), 1.0)
        delta = torch.where(delta.abs() < threshold, torch.zeros_like(delta), delta)
    return best
