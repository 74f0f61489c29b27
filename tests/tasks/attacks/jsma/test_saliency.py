"""The pair of values that the saliency map rates highest."""

from __future__ import annotations

import torch

from tasks.attacks.jsma.saliency import find_best_pairs


def test_targeted_jsma_takes_the_pair_of_the_saliency_map() -> None:
    drawn = torch.Generator().manual_seed(0)
    gain, loss = (torch.randn(50, 30, generator=drawn) for _ in range(2))
    forbidden = torch.rand(50, 30, generator=drawn) < 0.3
    gain, loss = gain.masked_fill(forbidden, -torch.inf), loss.masked_fill(forbidden, -torch.inf)
    pairs = find_best_pairs(gain, loss)
    risen, fallen = gain[:, :, None] + gain[:, None], loss[:, :, None] + loss[:, None]
    allowed = (risen > 0) & (fallen > 0) & ~torch.eye(30, dtype=torch.bool)
    score = torch.where(allowed, risen * fallen, torch.tensor(0.0))
    rows = torch.arange(50)
    assert torch.equal(pairs.found, score.flatten(1).amax(1) > 0)
    reached = score[rows, pairs.first, pairs.second]
    assert torch.equal(reached[pairs.found], score.flatten(1).amax(1)[pairs.found])
