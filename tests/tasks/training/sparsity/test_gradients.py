"""The gradient of a loss by weights: a mean over images, of a model that stands still."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from tasks.data.images import Images
from tasks.training.objectives.step import Batch, StepOutcome
from tasks.training.sparsity import gradients
from tasks.training.sparsity.gradients import measure_gradients
from tests.support.training import make_draw


class Scaled(nn.Module):
    """The mean of an image times a weight, behind dropout that would be seen; another weight is idle."""

    def __init__(self) -> None:
        super().__init__()
        self.weight, self.idle = nn.Parameter(torch.tensor([2.0])), nn.Parameter(torch.ones(3))
        self.drop = nn.Dropout(0.5)

    def forward(self, pixels: torch.Tensor) -> torch.Tensor:
        """[N, 1, 1, 1] -> [N]."""
        found: torch.Tensor = self.drop(pixels.flatten()) * self.weight
        return found


def make_images(*values: int) -> Images:
    pixels = torch.tensor(values, dtype=torch.uint8).view(-1, 1, 1, 1)
    return Images(pixels, torch.arange(len(values)), ("a",))


def test_it_is_the_mean_over_images_whatever_the_last_batch_in_evaluation_mode(monkeypatch: pytest.MonkeyPatch) -> None:
    """The loss is a mean over its batch: by batches of 2, 2 and 1 the last image must not count twice."""
    monkeypatch.setattr(gradients, "BATCH", 2)
    model, batches = Scaled().train(), list[Batch]()

    def objective(asked: nn.Module, batch: Batch, draw: torch.Generator) -> StepOutcome:  # noqa: ARG001
        batches.append(batch)
        asked.train()
        assert batch.labels.tolist() == batch.index.tolist()
        return StepOutcome(asked(batch.pixels).mean(), torch.tensor(0.0))

    weights = {"one": model.weight, "other": model.idle}
    with torch.no_grad():
        found = measure_gradients(model, weights, make_images(0, 51, 102, 153, 255), objective, make_draw())
    assert [len(batch.labels) for batch in batches] == [2, 2, 1]
    assert found["one"].tolist() == pytest.approx([(0 + 0.2 + 0.4 + 0.6 + 1) / 5])
    assert found["other"].tolist() == [0.0, 0.0, 0.0], "the loss does not depend on it"
    assert not model.training
    assert model.weight.grad is None


def test_many_images_are_represented_by_some_of_them(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(gradients, "IMAGES", 3)
    seen: list[int] = []

    def objective(asked: nn.Module, batch: Batch, draw: torch.Generator) -> StepOutcome:  # noqa: ARG001
        seen.extend(batch.index.tolist())
        return StepOutcome(asked(batch.pixels).mean(), torch.tensor(0.0))

    model = Scaled()
    found = measure_gradients(model, {"one": model.weight}, make_images(*range(0, 100, 10)), objective, make_draw())
    assert len(set(seen)) == 3
    assert found["one"].tolist() == pytest.approx([sum(10 * place for place in seen) / 3 / 255])
