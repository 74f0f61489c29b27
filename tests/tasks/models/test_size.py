"""The size of a model: parameters that are not zero, and multiply-accumulates of one image."""

from __future__ import annotations

from torch import nn

from tasks.models.build import NormalizedModel
from tasks.models.size import measure_model


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
