"""The proposals of Square Attack: where squares lie and what stands in them, drawn for each image alone."""

from __future__ import annotations

from functools import lru_cache
from typing import Literal

import torch
from torch import Tensor

from tasks.attacks.engine.job import AttackJob
from tasks.attacks.engine.norms import NORMS, project_l1_into_box
from tasks.seeds import make_generator
from tasks.transfer import send

BumpNorm = Literal["l2", "l1"]
"""The norms in which squares hold bumps instead of one shade."""

CHUNK = 250
"""Proposals whose random numbers are drawn at once."""


class Draws:
    """Random numbers of each image, the same whatever the batch."""

    def __init__(self, job: AttackJob) -> None:
        self._generators = [make_generator(job.seed, "square", index) for index in job.index.tolist()]
        self._device = job.clean.device
        self._ahead = torch.empty(len(self._generators), 0, 0, device=self._device)
        self._kept: Tensor | None = None  # the places of those that go on, where some have left since the last draw

    def keep(self, kept: Tensor) -> None:
        """Go on with the images at these places, int64 [n] on their device: the host looks when it draws again."""
        self._kept = kept if self._kept is None else self._kept[kept]
        self._ahead = self._ahead[kept]

    def draw_once(self, *shape: int) -> Tensor:
        """float [N, ...] in [0, 1), of the shape for each image."""
        if self._kept is not None:
            self._generators = [self._generators[place] for place in self._kept.tolist()]
            self._kept = None
        return send(torch.stack([torch.rand(shape, generator=each) for each in self._generators]), self._device)

    def draw_next(self, count: int) -> Tensor:
        """The same for one proposal, float [N, count] in [0, 1), drawn ahead of many: always with the same count."""
        if self._ahead.shape[1] == 0:
            self._ahead = self.draw_once(CHUNK, count)
        numbers, self._ahead = self._ahead[:, 0], self._ahead[:, 1:]
        return numbers


def start_linf(clean: Tensor, eps: float, draws: Draws) -> Tensor:
    """Vertical stripes, each colour and column at +eps or -eps; [N, C, H, W] in [0, 1].

    :param clean: float [N, C, H, W] in [0, 1].
    :param eps: the budget in pixels of [0, 1].
    """
    images, channels, _, width = clean.shape
    stripes = _draw_signs(draws.draw_once(channels * width)).view(images, channels, 1, width)
    return (clean + eps * stripes).clamp_(0, 1)


def propose_linf(clean: Tensor, pixels: Tensor, eps: float, side: int, draws: Draws) -> Tensor:
    """One square in which every colour is moved by +2 eps or -2 eps, and brought back into the ball (algorithm 2).

    :param clean: float [N, C, H, W] in [0, 1], as the pixels and the result.
    :param eps: the budget in pixels of [0, 1].
    :param side: of the square, in pixels.
    """
    channels = clean.shape[1]
    numbers = draws.draw_next(2 + channels)
    inside = _mark_inside(*_place_corner(numbers[:, 0], numbers[:, 1], side, clean), side, clean)
    moved = pixels + 2 * eps * _draw_signs(numbers[:, 2:])[:, :, None, None] * inside
    return (clean + (moved - clean).clamp(-eps, eps)).clamp_(0, 1)


def start_bumps(clean: Tensor, eps: float, draws: Draws, norm: BumpNorm) -> Tensor:
    """A tiling of five by five bumps, each colour up or down, of size eps together; [N, C, H, W] in [0, 1].

    :param clean: float [N, C, H, W] in [0, 1].
    :param eps: the budget in pixels of [0, 1].
    """
    images, channels, height, width = clean.shape
    side = max(min(height, width) // 5, 1)
    rows, columns = height // side, width // side
    signs = _draw_signs(draws.draw_once(channels * rows * columns)).view(images, channels, rows, 1, columns, 1)
    tiles = (signs * _make_bump(side, norm).to(clean)[None, None, None, :, None, :]).reshape(
        images, channels, rows * side, columns * side
    )
    delta = torch.zeros_like(clean)
    top, left = (height - rows * side) // 2, (width - columns * side) // 2
    delta[:, :, top : top + rows * side, left : left + columns * side] = tiles
    return _spend_budget(clean, delta, eps, norm)


def propose_bump(clean: Tensor, pixels: Tensor, eps: float, side: int, draws: Draws, norm: BumpNorm) -> Tensor:
    """Empty one square and spend what it held, and what is left of the budget, on a bump in another (algorithm 3).

    :param clean: float [N, C, H, W] in [0, 1], as the pixels and the result.
    :param eps: the budget in pixels of [0, 1].
    :param side: of both squares, in pixels.
    """
    channels, delta = clean.shape[1], pixels - clean
    numbers = draws.draw_next(5 + channels)
    row, column = _place_corner(numbers[:, 0], numbers[:, 1], side, clean)
    inside = _mark_inside(row, column, side, clean)
    emptied = _mark_inside(*_place_corner(numbers[:, 2], numbers[:, 3], side, clean), side, clean)
    held = _raise(delta * (inside | emptied), norm).sum((1, 2, 3), keepdim=True)
    spare = (eps - _measure(delta, (1, 2, 3), norm)).clamp_min(0)
    before = delta * inside
    before = before / _measure(before, (2, 3), norm).clamp_min(1e-12)
    bump = _place_bump(_make_bump(side, norm).to(clean), row, column, numbers[:, 4] > 0.5, clean) * inside
    fresh = _draw_signs(numbers[:, 5:])[:, :, None, None] * bump + before
    fresh = fresh / _measure(fresh, (2, 3), norm).clamp_min(1e-12)
    fresh = fresh * _take_root(_raise(spare, norm) / channels + held, norm)
    return _spend_budget(clean, torch.where(inside, fresh, torch.where(emptied, 0.0, delta)), eps, norm)


def _raise(values: Tensor, norm: BumpNorm) -> Tensor:
    """What adds up over the values of a perturbation."""
    return values.square() if norm == "l2" else values.abs()


def _take_root(total: Tensor, norm: BumpNorm) -> Tensor:
    """The size of which that is the sum."""
    return total.sqrt() if norm == "l2" else total


def _measure(delta: Tensor, dimensions: tuple[int, ...], norm: BumpNorm) -> Tensor:
    """The size over some dimensions, which stay as ones."""
    return _take_root(_raise(delta, norm).sum(dimensions, keepdim=True), norm)


def _spend_budget(clean: Tensor, delta: Tensor, eps: float, norm: BumpNorm) -> Tensor:
    """The images whose perturbations spend the whole budget: on the sphere in L2, in ball and box together in L1."""
    length = _measure(delta, (1, 2, 3), norm).clamp_min(1e-12)
    scaled = delta * (eps / length)
    if norm == "l1":  # the budget of values that the box cuts goes to others
        return (clean + project_l1_into_box(clean, torch.where(length > eps, delta, scaled), eps)).clamp_(0, 1)
    return (clean + NORMS["l2"].project(scaled, eps)).clamp_(0, 1)


def _draw_signs(uniform: Tensor) -> Tensor:
    return torch.where(uniform < 0.5, -1.0, 1.0)


def _place_corner(first: Tensor, second: Tensor, side: int, clean: Tensor) -> tuple[Tensor, Tensor]:
    """The upper left corner of a square that lies within the image, int64 [N] each."""
    height, width = clean.shape[-2:]
    return (first * (height - side + 1)).long(), (second * (width - side + 1)).long()


def _mark_inside(row: Tensor, column: Tensor, side: int, clean: Tensor) -> Tensor:
    """bool [N, 1, H, W]: the square of each image."""
    rows = torch.arange(clean.shape[2], device=clean.device) - row[:, None]
    columns = torch.arange(clean.shape[3], device=clean.device) - column[:, None]
    down, across = (rows >= 0) & (rows < side), (columns >= 0) & (columns < side)
    return (down[:, :, None] & across[:, None, :])[:, None]


def _place_bump(bump: Tensor, row: Tensor, column: Tensor, turned: Tensor, clean: Tensor) -> Tensor:
    """The bump [S, S] at each image's corner, transposed where `turned` [N]; meaningless outside the square."""
    side = bump.shape[0]
    rows = (torch.arange(clean.shape[2], device=clean.device) - row[:, None]).clamp(0, side - 1)
    columns = (torch.arange(clean.shape[3], device=clean.device) - column[:, None]).clamp(0, side - 1)
    down, across = torch.where(turned, 1, side)[:, None], torch.where(turned, side, 1)[:, None]
    return bump.flatten()[(rows * down)[:, :, None] + (columns * across)[:, None, :]][:, None]


@lru_cache
def _make_bump(side: int, norm: BumpNorm) -> Tensor:
    """float [side, side] of size 1: nested rectangles that rise toward their centre, the lower half negative."""
    half = side // 2
    bump = torch.zeros(side, side)
    bump[:half] = _make_rectangles(half, side, norm)
    bump[half:] = -_make_rectangles(side - half, side, norm)
    return bump / _measure(bump, (0, 1), norm).clamp_min(1e-12)


def _make_rectangles(height: int, width: int, norm: BumpNorm) -> Tensor:
    """float [height, width] of size 1: ring r around the centre adds 1 / (r + 1)^2."""
    bump = torch.zeros(height, width)
    middle_row, middle_column = height // 2, width // 2
    for ring in range(max(height // 2 + 1, width // 2 + 1)):
        top, left = max(middle_row - ring, 0), max(middle_column - ring, 0)
        bump[top : middle_row + ring + 1, left : middle_column + ring + 1] += 1 / (ring + 1) ** 2
    return bump / _measure(bump, (0, 1), norm).clamp_min(1e-12)
