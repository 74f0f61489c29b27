"""The L2 norm of a filter: the root of the sum of squares."""

from __future__ import annotations

import pytest
import torch

from tasks.pruning.importance.l2 import score_l2


def test_the_norm_of_each_filter() -> None:
    weight = torch.tensor([[[1.0, -3.0]], [[0.0, 3.0]]])
    assert score_l2(weight, torch.Generator()).tolist() == pytest.approx([10**0.5, 3.0])
