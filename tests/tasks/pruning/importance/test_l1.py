"""The L1 norm of a filter: absolute values are added."""

from __future__ import annotations

import pytest
import torch

from tasks.pruning.importance.l1 import score_l1


def test_the_norm_of_each_filter() -> None:
    weight = torch.tensor([[[1.0, -3.0]], [[0.0, 3.0]]])
    assert score_l1(weight, torch.Generator()).tolist() == pytest.approx([4.0, 3.0])
