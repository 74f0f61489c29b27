"""Weight perturbation on top of an objective that a plugin has brought, which knows nothing of it."""

from __future__ import annotations

import importlib.util
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch
from torch.nn import functional as F

from tasks.training.objectives.awp.objective import perturb_weights
from tasks.training.objectives.registry import OBJECTIVES
from tasks.training.objectives.step import ObjectiveContext, build_objective
from tasks.training.settings import TrainSettings
from tests.support.formulas import make_images, make_softmax
from tests.support.plugin_texts import OBJECTIVE
from tests.support.training import make_draw

GAMMA = 0.3


@pytest.fixture
def margin(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """While this lasts, `margin` is an objective of a plugin."""
    file = tmp_path / "awp_plugin.py"
    file.write_text(OBJECTIVE)
    spec = importlib.util.spec_from_file_location(file.stem, file)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    monkeypatch.setitem(sys.modules, file.stem, module)
    spec.loader.exec_module(module)
    try:
        yield
    finally:
        OBJECTIVES.remove("margin")


@pytest.mark.usefixtures("margin")
def test_the_loss_of_a_plugin_is_taken_at_the_worse_weights() -> None:
    content = {"name": "margin", "awp": {"gamma": GAMMA}}
    settings = TrainSettings.model_validate({"epochs": 1, "optimizer": {"name": "sgd"}, "objective": content})
    chosen = settings.chosen_objective
    assert (chosen.label, chosen.total_passes) == ("margin+awp", 6)
    assert chosen.awp is not None

    (model, formula), batch = make_softmax(), make_images()
    built = build_objective(chosen, ObjectiveContext(model, None, [], 0))  # type: ignore[arg-type]
    found = perturb_weights(built, chosen.awp)(model, batch, make_draw())

    weight = torch.tensor(formula.weight, requires_grad=True)
    bias, pixels = torch.tensor(formula.bias), batch.pixels.flatten(1).to(weight.dtype)
    (slope,) = torch.autograd.grad(F.multi_margin_loss(pixels @ weight.T + bias, batch.labels), weight)
    worse = weight.detach() + GAMMA * weight.detach().norm() / slope.norm() * slope
    expected = F.multi_margin_loss(pixels @ worse.T + bias, batch.labels)
    assert found.loss.item() == pytest.approx(expected.item(), rel=1e-5)
    assert found.loss.item() > F.multi_margin_loss(pixels @ weight.T + bias, batch.labels).item()
