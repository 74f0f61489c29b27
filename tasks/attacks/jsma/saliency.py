"""The pair of values that the saliency map of Papernot et al. 2016 (arXiv 1511.07528) rates highest, exactly."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor


class Pairs(NamedTuple):
    """The best pair of each image."""

    first: Tensor
    """int64 [N]: the place of a value in the flattened image."""
    second: Tensor
    """int64 [N]: of the other."""
    found: Tensor
    """bool [N]: whether any pair is admissible."""


def find_best_pairs(gain: Tensor, loss: Tensor) -> Pairs:
    """The pairs p != q with the largest (gain_p + gain_q) (loss_p + loss_q) where both sums are positive.

    Only values that at most one other value beats in both can be part of it, so O(F log F) instead of O(F^2).

    :param gain: float [N, F]: how the target's logit rises with each value; -inf: the value may not be changed.
    :param loss: float [N, F]: how the other logits fall together; -inf in the same places.
    """
    gain, order = gain.sort(dim=1, descending=True, stable=True)
    loss = loss.gather(1, order)
    candidate = _mark_undominated(gain, loss)
    width = max(2, min(int(candidate.sum(1).max()), gain.shape[1]))
    places = candidate.to(torch.int8).topk(width, dim=1).indices
    dropped = ~candidate.gather(1, places)
    score = _score_pairs(_take_values(gain, places, dropped), _take_values(loss, places, dropped))
    best, flat = score.flatten(1).max(1)
    first = order.gather(1, places.gather(1, (flat // width)[:, None]))[:, 0]
    second = order.gather(1, places.gather(1, (flat % width)[:, None]))[:, 0]
    return Pairs(first, second, best > 0)


def _mark_undominated(gain: Tensor, loss: Tensor) -> Tensor:
    """bool [N, F], for values in descending order of gain: whether fewer than two before them have a larger loss."""
    first = loss.cummax(1).values
    before = torch.cat([torch.full_like(first[:, :1], -torch.inf), first[:, :-1]], 1)
    second = torch.minimum(loss, before).cummax(1).values
    second_before = torch.cat([torch.full_like(second[:, :1], -torch.inf), second[:, :-1]], 1)
    candidate = (loss > second_before) & torch.isfinite(gain)
    candidate[:, :2] |= torch.isfinite(gain[:, :2])
    return candidate


def _take_values(values: Tensor, places: Tensor, dropped: Tensor) -> Tensor:
    return values.gather(1, places).masked_fill(dropped, -torch.inf)


def _score_pairs(gain: Tensor, loss: Tensor) -> Tensor:
    """float [N, K, K]: the saliency of every pair; 0 where it is not admissible."""
    risen = gain[:, :, None] + gain[:, None]
    fallen = loss[:, :, None] + loss[:, None]
    distinct = ~torch.eye(gain.shape[1], dtype=torch.bool, device=gain.device)
    return torch.where((risen > 0) & (fallen > 0) & distinct, risen * fallen, torch.zeros_like(risen))
