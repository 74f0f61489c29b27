"""The nearest point of a hyperplane within the box of [0, 1], in Linf, L2 and L1, exactly."""

from __future__ import annotations

import torch
from torch import Tensor

TINY = 1e-12


def project_to_hyperplane(points: Tensor, normal: Tensor, offset: Tensor, norm: str) -> Tensor:
    """The smallest change that brings each point onto `normal . x = offset`, or as near as the box allows.

    The projection of Croce and Hein 2020 (arXiv 1907.02044), solved by sorting; float [N, F].

    :param points: float [N, F] in [0, 1].
    :param normal: float [N, F].
    :param offset: float [N].
    :param norm: `linf`, `l2` or `l1`: in which the change is the smallest.
    """
    needed = offset - (normal * points).sum(1)
    side = torch.where(needed >= 0, 1.0, -1.0)[:, None] * normal.sign()
    weight = normal.abs()
    room = torch.where(side > 0, 1 - points, points).clamp_min(0)
    if norm == "l1":
        return side * _fill_greedily(weight, room, needed.abs())
    speed = torch.ones_like(weight) if norm == "linf" else weight
    return side * _spread_evenly(weight, speed, room, needed.abs())


def _spread_evenly(weight: Tensor, speed: Tensor, room: Tensor, needed: Tensor) -> Tensor:
    """How far each value moves when all move at their speeds until they meet their bounds: [N, F].

    The gain, sum of weight * min(time * speed, room), is concave, piecewise linear in time and solved for `needed`.
    """
    room = torch.where(weight > 0, room, torch.zeros_like(room))
    stops, order = (room / speed.clamp_min(TINY)).sort(dim=1)
    rate = (weight * speed).gather(1, order)
    full = (weight * room).gather(1, order).cumsum(1)
    # the gain when the value at each place in this order stops: those before it are full, the others still move
    moving = rate.sum(1, keepdim=True) - rate.cumsum(1)
    gained = full + stops * moving
    place = (gained < needed[:, None]).sum(1, keepdim=True)
    enough = place < stops.shape[1]
    place = place.clamp_max(stops.shape[1] - 1)
    before = torch.where(place > 0, full.gather(1, (place - 1).clamp_min(0)), torch.zeros_like(needed)[:, None])
    slope = (moving + rate).gather(1, place).clamp_min(TINY)
    time = torch.where(enough, (needed[:, None] - before) / slope, torch.full_like(slope, torch.inf))
    return torch.minimum(torch.nan_to_num(time * speed, nan=0.0), room)


def _fill_greedily(weight: Tensor, room: Tensor, needed: Tensor) -> Tensor:
    """How far each value moves when the one of the largest weight moves first, to its bound: [N, F]."""
    ordered, order = weight.sort(dim=1, descending=True)
    space = room.gather(1, order)
    gained = (ordered * space).cumsum(1)
    left = needed[:, None] - (gained - ordered * space)
    moved = torch.minimum((left / ordered.clamp_min(TINY)).clamp_min(0), space)
    moved = torch.where(ordered > 0, moved, torch.zeros_like(moved))
    return torch.zeros_like(moved).scatter_(1, order, moved)
