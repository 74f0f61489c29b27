"""Training on interval bounds, on a linear model whose bounds are written out."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from torch import nn

from tasks.data.images import Images
from tasks.errors import StageError
from tasks.training.objectives.ibp.objective import build_ibp
from tasks.training.objectives.ibp.settings import IbpSettings
from tasks.training.objectives.step import ObjectiveContext
from tests.support.formulas import flatten, make_images, make_softmax
from tests.support.training import make_draw

EPS = 0.1
EMPTY = Images(torch.zeros(0, 1, 2, 3, dtype=torch.uint8), torch.zeros(0, dtype=torch.int64), ("a", "b", "c"))


@pytest.mark.parametrize(
    ("progress", "eps", "kappa"), [(0.0, 0, 1), (0.2, 0, 1), (0.4, EPS / 2, 0.75), (0.9, EPS, 0.5)]
)
def test_the_worst_logits_are_those_of_the_worst_corner_for_each_class(
    progress: float, eps: float, kappa: float
) -> None:
    """Of a linear model the margin over class j falls by eps times the sum of the magnitudes of w_y - w_j."""
    (model, formula), batch = make_softmax(), make_images()
    settings = IbpSettings(eps=EPS, ramp_start=0.2, ramp_end=0.6)
    assert settings.find_point(progress) == pytest.approx((eps, kappa))
    objective = build_ibp(settings, ObjectiveContext(model, EMPTY, (), 0))
    found = objective(model, replace(batch, progress=progress), make_draw())
    x, labels = flatten(batch.pixels), batch.labels.numpy()
    logits = formula.logits(x)
    fall = eps * np.abs(formula.weight[labels][:, None] - formula.weight[None]).sum(2)
    worst = logits - logits[np.arange(len(x)), labels][:, None] + fall
    loss = (np.log(np.exp(worst).sum(1)) - worst[np.arange(len(x)), labels]).mean()
    expected = kappa * formula.losses(x, labels).mean() + (1 - kappa) * loss
    assert found.loss.item() == pytest.approx(expected)


def test_the_box_ends_where_the_range_of_pixels_ends() -> None:
    """Black and white values can move one way alone."""
    (model, formula), batch = make_softmax(), make_images()
    batch = replace(batch, pixels=batch.pixels.round(), progress=1.0)
    objective = build_ibp(IbpSettings(eps=0.4, kappa=0.0), ObjectiveContext(model, EMPTY, (), 0))
    x, labels = flatten(batch.pixels), batch.labels.numpy()
    lower, upper = np.clip(x - 0.4, 0, 1), np.clip(x + 0.4, 0, 1)
    lead = formula.weight[labels][:, None] - formula.weight[None]  # [N, classes, values]
    least = (
        (lead * np.where(lead > 0, lower[:, None], upper[:, None])).sum(2)
        + formula.logits(0 * x)[np.arange(len(x)), labels][:, None]
        - formula.logits(0 * x)
    )
    expected = np.log(np.exp(-least).sum(1)).mean()
    assert objective(model, batch, make_draw()).loss.item() == pytest.approx(expected)


def test_batch_norm_takes_its_statistics_from_the_images_and_notes_them_once() -> None:
    torch.manual_seed(0)
    model = nn.Sequential(nn.Conv2d(1, 2, 1), nn.BatchNorm2d(2), nn.Flatten(), nn.Linear(12, 3)).double().train()
    twin = nn.Sequential(nn.Conv2d(1, 2, 1), nn.BatchNorm2d(2), nn.Flatten(), nn.Linear(12, 3)).double().train()
    twin.load_state_dict(model.state_dict())
    batch = replace(make_images(), progress=0.0)
    objective = build_ibp(IbpSettings(eps=EPS), ObjectiveContext(model, EMPTY, (), 0))
    loss = objective(model, batch, make_draw()).loss
    torch.testing.assert_close(loss, nn.functional.cross_entropy(twin(batch.pixels), batch.labels))
    for one, other in zip(model.buffers(), twin.buffers(), strict=True):
        torch.testing.assert_close(one, other)


def test_a_network_without_bounds_is_refused_before_the_first_step() -> None:
    class Decides(nn.Module):
        def forward(self, pixels: torch.Tensor) -> torch.Tensor:
            return pixels.flatten(1) if pixels.sum() > 0 else -pixels.flatten(1)

    with pytest.raises(StageError, match="can be traced"):
        build_ibp(IbpSettings(eps=EPS), ObjectiveContext(Decides(), EMPTY, (), 0))
