"""Training on CROWN-IBP bounds, on a network of one hidden layer whose bounds are written out."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from torch.nn import functional as F

from tasks.certificates.interval_bounds.propagate import bound_margins, make_box, trace_network
from tasks.data.images import Images
from tasks.training.objectives.crown_ibp.objective import build_crown_ibp
from tasks.training.objectives.crown_ibp.settings import CrownIbpTrainingSettings
from tasks.training.objectives.step import ObjectiveContext
from tests.support.bounds import compute_crown_margins, make_hidden_network
from tests.support.formulas import make_images
from tests.support.training import make_draw

EPS = 0.1
EMPTY = Images(torch.zeros(0, 1, 2, 3, dtype=torch.uint8), torch.zeros(0, dtype=torch.int64), ("a", "b", "c"))


@pytest.mark.parametrize(
    ("progress", "eps", "kappa", "beta"), [(0.1, 0, 1, 1), (0.4, EPS / 2, 0.75, 0.6), (0.9, EPS, 0.5, 0.2)]
)
def test_margins_go_from_the_linear_bound_to_the_interval_bound(
    progress: float, eps: float, kappa: float, beta: float
) -> None:
    model, batch = make_hidden_network(), make_images()
    settings = CrownIbpTrainingSettings(eps=EPS, ramp_start=0.2, ramp_end=0.6, beta=0.2)
    assert settings.find_beta(progress) == pytest.approx(beta)
    objective = build_crown_ibp(settings, ObjectiveContext(model, EMPTY, (), 0))
    found = objective(model, replace(batch, progress=progress), make_draw())
    intervals = bound_margins(trace_network(model), make_box(batch.pixels, eps), batch.labels)[1]
    linear = torch.from_numpy(compute_crown_margins(model, batch.pixels, batch.labels, eps))
    worst = F.cross_entropy(-((1 - beta) * intervals + beta * linear), batch.labels)
    expected = kappa * F.cross_entropy(model(batch.pixels), batch.labels) + (1 - kappa) * worst
    assert found.loss.item() == pytest.approx(expected.item())
    found.loss.backward()
    assert all(weight.grad is not None and weight.grad.any() for weight in model.parameters())


def test_the_linear_bound_is_paid_until_it_has_no_share_any_more() -> None:
    """A pass forward and back for each of ten classes, beside the 9 of interval bounds."""
    for settings, passes in (({"ramp_end": 0.5}, 9 + 0.5 * 30), ({"ramp_end": 0.5, "beta": 0.2}, 9 + 30)):
        assert CrownIbpTrainingSettings(eps=EPS, **settings).expected_passes == pytest.approx(passes)
