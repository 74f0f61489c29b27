"""First-order Taylor: on a linear loss it is what setting a unit to zero really does, squared."""

from __future__ import annotations

import torch
from torch import nn

from tasks.data.images import Images
from tasks.models.build import NormalizedModel
from tasks.pruning.filters import mark_units
from tasks.pruning.importance.taylor import score_taylor
from tasks.pruning.layers import Evidence, Layer
from tasks.pruning.settings import PruneSettings
from tasks.training.objectives.step import Batch, StepOutcome
from tasks.training.sparsity.gradients import measure_gradients


def sum_logits(model: nn.Module, batch: Batch, draw: torch.Generator) -> StepOutcome:  # noqa: ARG001
    """A loss that is linear in the weights of a single layer."""
    loss = (model.train()(batch.pixels) * torch.arange(1.0, 4.0)).sum(1).mean()
    return StepOutcome(loss, loss.detach())


def test_it_is_the_squared_change_of_a_loss_that_is_linear() -> None:
    torch.manual_seed(0)
    convolution, norm = nn.Conv2d(1, 3, 2, bias=False), nn.BatchNorm2d(3)
    model = NormalizedModel(nn.Sequential(convolution, norm, nn.Flatten()), 0.0, 1.0).eval()
    norm.running_mean = torch.randn(3)
    images = Images((255 * torch.rand(70, 1, 2, 2)).byte(), torch.zeros(70, dtype=torch.int64), ("a", "b", "c"))
    before = [buffer.clone() for buffer in model.buffers()]
    gradients = measure_gradients(
        model, {"0": model.network.get_parameter("0.weight")}, images, sum_logits, torch.Generator()
    )
    assert all(torch.equal(*pair) for pair in zip(before, model.buffers(), strict=True)), "statistics are left alone"

    def compute_loss() -> torch.Tensor:
        logits: torch.Tensor = model(images.pixels.float() / 255)
        return (logits * torch.arange(1.0, 4.0)).sum(1).mean()

    def measure_change(place: tuple[int, ...]) -> float:
        kept, whole = convolution.weight.data.clone(), compute_loss()
        convolution.weight.data[place] = 0
        change = float(compute_loss() - whole)
        convolution.weight.data = kept
        return change**2

    evidence = Evidence(lambda: gradients)
    with torch.no_grad():
        filters = score_taylor(convolution.weight, torch.Generator(), Layer("0", "filters", None, evidence))
        weights = score_taylor(
            convolution.weight.reshape(-1, 1), torch.Generator(), Layer("0", "weights", None, evidence)
        )
        expected = torch.tensor([measure_change((filter_,)) for filter_ in range(3)])
        single = torch.tensor([measure_change((i, 0, j, k)) for i in range(3) for j in range(2) for k in range(2)])
    torch.testing.assert_close(filters, expected, rtol=1e-3, atol=1e-7)
    torch.testing.assert_close(weights, single, rtol=1e-3, atol=1e-7)
    marks = mark_units(model, PruneSettings(ratio=0.34, importance="taylor"), torch.Generator(), evidence)
    assert marks["0"].tolist() == [number == int(expected.argmin()) for number in range(3)]
