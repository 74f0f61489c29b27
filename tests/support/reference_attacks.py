"""Attacks as their papers write them, in other words than the source's: steps of gradients for images that know nothing
of each other, all others for one image at a time, which is slow."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

Loss = Callable[[Tensor], Tensor]
"""(logits [N, classes]) -> what is raised, a number."""


def sign_or_unit(gradient: Tensor, norm: str) -> Tensor:
    return gradient.sign() if norm == "linf" else gradient / gradient.pow(2).sum((1, 2, 3), keepdim=True).sqrt()


def into_ball(clean: Tensor, pixels: Tensor, eps: float, norm: str) -> Tensor:
    delta = pixels - clean
    if norm == "linf":
        delta = delta.minimum(torch.full_like(delta, eps)).maximum(torch.full_like(delta, -eps))
    else:
        size = delta.pow(2).sum((1, 2, 3), keepdim=True).sqrt()
        delta = delta * (eps / size.clamp_min(1e-12)).clamp_max(1.0)
    return (clean + delta).clamp(0, 1)


def look(model: nn.Module, pixels: Tensor, loss: Loss) -> tuple[Tensor, float, Tensor]:
    """Logits, loss and gradient at images [N, C, H, W]."""
    pixels = pixels.detach().requires_grad_(True)
    logits = model(pixels)
    value = loss(logits)
    (gradient,) = torch.autograd.grad(value, pixels)
    return logits.detach(), float(value.detach()), gradient


def iterate_gradient_steps(
    model: nn.Module, clean: Tensor, loss: Loss, *, norm: str, eps: float, step_size: float, decay: float = 0.0,
    start: Tensor | None = None,
) -> Iterator[tuple[Tensor, Tensor]]:  # fmt: skip
    """MI-FGSM (Dong et al. 2018, algorithm 1); without a decay I-FGSM and PGD. Each iterate, and what is predicted.

    :param clean: float [N, C, H, W], each image by itself: of `loss` the sum over the images is raised.
    """
    pixels = clean if start is None else into_ball(clean, clean + start, eps, norm)
    accumulated = torch.zeros_like(clean)
    while True:
        logits, _, gradient = look(model, pixels, loss)
        yield pixels, logits.argmax(1)
        accumulated = decay * accumulated + gradient / gradient.abs().sum((1, 2, 3), keepdim=True)
        pixels = into_ball(clean, pixels + step_size * sign_or_unit(accumulated, norm), eps, norm)


def run_apgd(
    model: nn.Module, clean: Tensor, label: int, loss: Loss, start: Tensor, *, norm: str, eps: float, steps: int
) -> Tensor:
    """Croce and Hein 2020, algorithm 1, with the intervals of the authors' code; the first adversarial iterate, or the
    one of the highest loss."""
    interval, shrink, shortest = (max(int(share * steps), 1) for share in (0.22, 0.03, 0.06))
    x = (clean + start).clamp(0, 1)
    logits, f, g = look(model, x, loss)
    if int(logits.argmax()) != label:
        return x
    before, step = x, 2 * eps
    x_max, f_max, g_max = x, f, g
    history, f_max_at_check, halved_at_check, next_check = [f], f, True, interval
    for k in range(steps):
        z = into_ball(clean, x + step * sign_or_unit(g, norm), eps, norm)
        alpha = 1.0 if k == 0 else 0.75
        x, before = into_ball(clean, x + alpha * (z - x) + (1 - alpha) * (x - before), eps, norm), x
        logits, f, g = look(model, x, loss)
        history.append(f)
        if int(logits.argmax()) != label:
            return x
        if f > f_max:
            x_max, f_max, g_max = x, f, g
        if k + 1 == next_check:
            window = history[-interval - 1 :]
            rose = sum(b > a for a, b in itertools.pairwise(window))
            halve = rose <= 0.75 * interval or (not halved_at_check and f_max <= f_max_at_check)
            if halve:
                step, x, g = step / 2, x_max, g_max
            halved_at_check, f_max_at_check = halve, f_max
            interval = max(interval - shrink, shortest)
            next_check += interval
    return x_max


@dataclass
class Plane:
    """normal . x = offset."""

    normal: Tensor
    offset: float

    def project(self, point: Tensor, norm: str) -> Tensor:
        """The nearest change within the box: by bisection of how far all values move, or value by value in L1."""
        missing = self.offset - float(self.normal @ point)
        sign = (1.0 if missing >= 0 else -1.0) * self.normal.sign()
        room = torch.where(sign > 0, 1 - point, point)
        weight = self.normal.abs()
        if norm == "l1":
            return sign * self._fill(weight, room, abs(missing))
        speed = torch.ones_like(weight) if norm == "linf" else weight
        low, high = 0.0, float((room / speed.clamp_min(1e-12)).max())
        weights, speeds, rooms = weight.numpy(), speed.numpy(), room.numpy()  # in a third of the time of short tensors
        for _ in range(60):
            middle = (low + high) / 2
            enough = float(weights @ np.minimum(middle * speeds, rooms)) >= abs(missing)
            low, high = (low, middle) if enough else (middle, high)
        return sign * (high * speed).minimum(room) * (weight > 0)

    @staticmethod
    def _fill(weight: Tensor, room: Tensor, missing: float) -> Tensor:
        moved = torch.zeros_like(weight)
        for place in weight.argsort(descending=True).tolist():
            moved[place] = min(float(room[place]), max(missing, 0) / max(float(weight[place]), 1e-12))
            missing -= float(weight[place] * moved[place])
        return moved


def measure(delta: Tensor, norm: str) -> float:
    return float(torch.linalg.vector_norm(delta.flatten(), {"linf": torch.inf, "l2": 2, "l1": 1, "l0": 0}[norm]))


def iterate_fab(model: nn.Module, clean: Tensor, label: int, rivals: Sequence[int], norm: str) -> Iterator[Tensor]:
    """Croce and Hein 2020, arXiv 1907.02044, algorithm 1, from the image itself; after each step the nearest
    adversarial iterate so far, or the image. Boundaries lie where a rival leads by a hundred-thousandth of the largest
    logit, or, where it leads already, by a thousandth."""
    x_orig, x, best = clean, clean, clean
    nearest = torch.inf
    dual = {"linf": "l1", "l2": "l2", "l1": "linf"}[norm]
    while True:
        lines = []
        for rival in rivals:
            logits, lead, slope = look(model, x, lambda logits, rival=rival: logits[0, rival] - logits[0, label])  # type: ignore[misc]
            lead -= (1e-3 if lead > 0 else 1e-5) * float(logits.abs().max())
            lines.append((abs(lead) / measure(slope, dual), lead, slope))
        _, lead, slope = min(lines, key=lambda line: line[0])
        plane = Plane(slope.flatten(), float(slope.flatten() @ x.flatten()) - lead)
        d, d_orig = (plane.project(point.flatten(), norm).view_as(clean) for point in (x, x_orig))
        a, b = max(measure(d, norm), 1e-8), max(measure(d_orig, norm), 1e-8)
        alpha = min(a / (a + b), 0.1)
        x = ((1 - alpha) * (x + 1.05 * d) + alpha * (x_orig + 1.05 * d_orig)).clamp(0, 1)
        logits = model(x).detach()
        if int(logits.argmax()) != label:
            if measure(x - x_orig, norm) < nearest:
                best, nearest = x, measure(x - x_orig, norm)
            x = 0.1 * x_orig + 0.9 * x
        yield best


def run_rays(model: nn.Module, clean: Tensor, label: int, directions: int) -> Tensor:
    """Chen and Gu 2020: flip blocks of signs, halved again and again; the radius by bisection to 0.001."""

    def move(signs: Tensor, radius: float) -> Tensor:
        return (clean + radius * signs.view_as(clean)).clamp(0, 1)

    def fools(signs: Tensor, radius: float) -> bool:
        return int(model(move(signs, radius)).argmax()) != label

    best, radius, found = torch.ones(clean.numel()), 1.0, False
    blocks, size = [(0, 0)], clean.numel()
    while len(blocks) <= directions:
        blocks += [(start, start + size) for start in range(0, clean.numel(), size)]
        size = -(-size // 2)
    for start, end in blocks[: directions + 1]:
        signs = best.clone()
        signs[start:end] *= -1
        if not fools(signs, radius):
            continue
        low, high = 0.0, radius
        while high - low > 1e-3:
            middle = (low + high) / 2
            low, high = (low, middle) if fools(signs, middle) else (middle, high)
        if high < radius or not found:
            best, radius, found = signs, high, True
    return move(best, radius) if found else clean


def into_ball_and_box(clean: Tensor, delta: Tensor, eps: float) -> Tensor:
    """The nearest perturbation of L1 size eps at most whose image lies in [0, 1], by bisection of the threshold."""
    pixels, moved = clean.numpy(), delta.numpy()  # short tensors take three times as long

    def shrink(threshold: float) -> Any:
        kept = np.sign(moved) * np.maximum(np.abs(moved) - np.float32(threshold), 0)
        return np.clip(pixels + kept, 0, 1) - pixels

    low, high = 0.0, float(np.abs(moved).max())
    if np.abs(shrink(0.0)).sum() <= eps:
        high = 0.0
    for _ in range(60 if high else 0):
        middle = (low + high) / 2
        low, high = (middle, high) if np.abs(shrink(middle)).sum() > eps else (low, middle)
    return torch.from_numpy(shrink(high))


def run_sparse_apgd(
    model: nn.Module, clean: Tensor, label: int, loss: Loss, noise: Tensor, *, eps: float, steps: int
) -> Tensor:
    """Croce and Hein 2021 (arXiv 2103.01208), algorithm 1 in three shrinking balls; the first adversarial iterate in
    the last of them, or the one of the highest loss."""
    values = clean.numel()
    counts = [math.ceil(0.3 * steps), math.ceil(0.3 * steps)]
    counts.append(steps - sum(counts))
    best = clean + into_ball_and_box(clean, noise, 3 * eps)
    for factor, count in zip((3, 2, 1), counts, strict=True):
        radius = factor * eps
        x = best = clean + into_ball_and_box(clean, best - clean, radius)
        logits, best_value, gradient = look(model, x, loss)
        if factor == 1 and int(logits.argmax()) != label:
            return x
        best_gradient, before, step_size = gradient, measure(x - clean, "l0"), radius
        share = before / values / 1.5
        for step in range(1, count + 1):
            place = min(max(int((1 - share) * values), 0), values - 1)
            least = float(gradient.abs().flatten().sort().values[place])
            signs = torch.where(gradient.abs() >= least, gradient.sign(), torch.zeros_like(gradient))
            moved = x + step_size * signs / signs.abs().sum() - clean
            x = (clean + into_ball_and_box(clean, moved, radius)).clamp(0, 1)
            logits, value, gradient = look(model, x, loss)
            if factor == 1 and int(logits.argmax()) != label:
                return x
            if value > best_value:
                best, best_value, best_gradient = x, value, gradient
            if step % max(int(0.04 * count), 1) == 0:
                now = measure(best - clean, "l0")
                share = now / values / 1.5
                if now < 0.95 * before:
                    step_size, x, gradient = radius, best, best_gradient
                else:
                    step_size = max(step_size / 1.5, radius / 10)
                before = now
    return best
