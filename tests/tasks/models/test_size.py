"""The size of a model: parameters that are not zero, and multiply-accumulates of one image."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torch.utils.flop_counter import FlopCounterMode

from tasks.models.build import Description, NormalizedModel, build_model
from tasks.models.size import measure_model
from tasks.without_compiler import replace_compiler


def test_parameters_and_products_are_counted() -> None:
    """A convolution of 2 x 3 x 3 x 3 at 4 x 6 places, and a linear layer of 48 x 5; dropout costs nothing."""
    convolution = nn.Conv2d(3, 2, 3, padding=1)
    layers = [convolution, nn.Dropout(), nn.Flatten(), nn.Linear(48, 5)]
    model = NormalizedModel(nn.Sequential(*layers), 0.5, 0.25).train()
    convolution.weight.data[0] = 0
    found = measure_model(model, (3, 4, 6))
    assert found == {"parameters": 56 + 245, "nonzero_parameters": 29 + 245, "macs": 54 * 24 + 240}
    assert not model.training


def test_a_model_without_weights_has_none() -> None:
    assert measure_model(NormalizedModel(nn.Flatten(), 0.5, 0.5), (1, 2, 2)) == {
        "parameters": 0,
        "nonzero_parameters": 0,
        "macs": 0,
    }


class Attention(nn.Module):
    """Attention over the pixels of an image of three channels, by torch's operation for it."""

    def forward(self, pixels: Tensor) -> Tensor:
        asked = pixels.flatten(2).transpose(1, 2)
        return F.scaled_dot_product_attention(asked, asked, asked).flatten(1)


def build_attention() -> NormalizedModel:
    return NormalizedModel(Attention(), 0.5, 0.25)


def build_named(name: str) -> NormalizedModel:
    return build_model(Description(name, "small", 3, 10, 0.5, 0.25))


@pytest.mark.parametrize(
    "name", ["attention", "resnet8", "mobilenet_v2", pytest.param("convnext_tiny", marks=pytest.mark.slow), "vit_tiny"]
)
def test_the_count_is_that_of_torch(name: str) -> None:
    model = (build_attention() if name == "attention" else build_named(name)).eval()
    with replace_compiler(), FlopCounterMode(display=False) as counter, torch.no_grad():
        model(torch.zeros(1, 3, 32, 32))
    assert measure_model(model, (3, 32, 32))["macs"] == counter.get_total_flops() // 2 > 0
