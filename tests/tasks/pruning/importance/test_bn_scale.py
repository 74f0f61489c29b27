"""The scale of batch norm: a filter of a small scale goes, one without batch norm is no case for it."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from tasks.errors import StageError
from tasks.models.build import NormalizedModel
from tasks.pruning.filters import choose_filters
from tasks.pruning.settings import PruneSettings


def network(*last: nn.Module) -> NormalizedModel:
    torch.manual_seed(0)
    return NormalizedModel(nn.Sequential(nn.Conv2d(1, 4, 2), *last), 0.5, 0.5)


def test_filters_of_the_smallest_scale_go_whatever_their_weights() -> None:
    model, asked = network(nn.BatchNorm2d(4)), PruneSettings(ratio=0.5, importance="bn_scale")
    model.network.get_parameter("1.weight").data = torch.tensor([0.5, -0.1, 0.3, -0.9])
    assert choose_filters(model, asked, torch.Generator()) == {"0": [1, 2]}


def test_a_convolution_without_batch_norm_is_refused() -> None:
    with pytest.raises(StageError, match="no batch norm takes what 0 gives"):
        choose_filters(network(nn.ReLU()), PruneSettings(ratio=0.5, importance="bn_scale"), torch.Generator())
