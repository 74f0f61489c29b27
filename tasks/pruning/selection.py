"""Which units go, given how much each matters: exact shares, ties by place, and nothing that depends on a device."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor

from tasks.pruning.settings import parse_pattern

Marks = dict[str, Tensor]
"""Layer -> bool, of the shape of its scores: what is pruned."""


def select_least(scores: Mapping[str, Tensor], ratio: float, within: str) -> Marks:
    """The least important units. What a smaller ratio selects, a larger one selects too.

    :param scores: layer -> float [filters], or [out, in, ...] for single weights.
    :param ratio: share of the units of each layer, or of all of them; N:M has its own.
    :param within: `layer`, `network` or `N:M`, as `PruneSettings.within`.
    :returns: an entry for each layer; those that N:M leaves out have none.
    """
    if within == "network":
        return _select_in_network(scores, ratio)
    pattern = parse_pattern(within)
    if pattern is None:
        return {name: _mark_least(part, round(ratio * part.numel())) for name, part in scores.items()}
    kept, group = pattern
    fitting = {name: part for name, part in scores.items() if fits_pattern(part, group)}
    return {name: _mark_in_groups(part, group - kept, group) for name, part in fitting.items()}


def fits_pattern(weight: Tensor, group: int) -> bool:
    """Whether the input channels of a weight or of its scores, [out, in, ...], are groups of so many."""
    return weight.ndim > 1 and weight.shape[1] % group == 0


def _mark_least(scores: Tensor, count: int) -> Tensor:
    order = scores.flatten().argsort(stable=True)[:count]
    marked = torch.zeros(scores.numel(), dtype=torch.bool, device=scores.device)
    return marked.index_fill_(0, order, True).view(scores.shape)


def _select_in_network(scores: Mapping[str, Tensor], ratio: float) -> Marks:
    """The most important unit of each layer stays: a layer without any lets nothing through."""
    flat = [part.flatten().float() for part in scores.values()]
    kept = torch.cat([part.scatter(0, part.argmax(0, keepdim=True), torch.inf) for part in flat])
    sizes = [len(part) for part in flat]
    count = min(round(ratio * len(kept)), len(kept) - len(sizes))
    marked = _mark_least(kept, count).split(sizes)
    return {name: mark.view(part.shape) for (name, part), mark in zip(scores.items(), marked, strict=True)}


def _mark_in_groups(scores: Tensor, count: int, group: int) -> Tensor:
    """So many of every group of neighbours along the second axis."""
    last = scores.movedim(1, -1)
    parts = last.reshape(-1, group)
    order = parts.argsort(dim=1, stable=True)[:, :count]
    marked = torch.zeros(parts.shape, dtype=torch.bool, device=scores.device).scatter_(1, order, True)
    return marked.view(last.shape).movedim(-1, 1)
