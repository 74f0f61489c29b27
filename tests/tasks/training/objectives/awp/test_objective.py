"""Adversarial weight perturbation, step by step on a linear model."""

from __future__ import annotations

import importlib.util
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from pydantic import ValidationError
from torch import Tensor, nn
from torch.nn import functional as F

from tasks.training.objectives.awp.objective import perturb_weights
from tasks.training.objectives.awp.settings import AwpSettings
from tasks.training.objectives.n_fgsm.objective import build_n_fgsm
from tasks.training.objectives.n_fgsm.settings import NFgsmSettings
from tasks.training.objectives.registry import OBJECTIVES
from tasks.training.objectives.standard.objective import compute_standard_loss
from tasks.training.objectives.step import Batch, ExampleObjective, ObjectiveContext, StepOutcome, build_objective
from tasks.training.settings import TrainSettings
from tests.support.formulas import Softmax, flatten, make_images, make_softmax
from tests.support.plugin_texts import OBJECTIVE
from tests.support.training import make_draw

GAMMA = 0.3
AWP = AwpSettings(gamma=GAMMA)


def test_a_move_is_at_most_as_long_as_the_weights() -> None:
    assert AwpSettings(gamma=1).gamma == 1
    with pytest.raises(ValidationError, match="less than or equal to 1"):
        AwpSettings(gamma=100)


def test_the_step_is_that_at_the_worse_weights_taken_from_the_weights_themselves() -> None:
    (model, formula), batch = make_softmax(), make_images()
    x, truth = flatten(batch.pixels), np.eye(3)[batch.labels.numpy()]
    weight, bias, rate = formula.weight.copy(), formula.bias.copy(), 0.5
    optimizer = torch.optim.SGD(model.parameters(), lr=rate)
    objective = perturb_weights(compute_standard_loss, AWP)
    for _ in range(3):
        optimizer.zero_grad()
        found = objective(model, batch, make_draw()).loss
        found.backward()
        optimizer.step()

        slope = (Softmax(weight, bias).answers(x) - truth).T @ x / len(x)
        worse = Softmax(weight + GAMMA * np.linalg.norm(weight) / np.linalg.norm(slope) * slope, bias)
        assert found.item() == pytest.approx(worse.losses(x, batch.labels.numpy()).mean())
        error = worse.answers(x) - truth
        weight, bias = weight - rate * error.T @ x / len(x), bias - rate * error.mean(0)
    layer = next(part for part in model.modules() if isinstance(part, nn.Linear))
    np.testing.assert_allclose(layer.weight.detach().numpy(), weight, rtol=1e-6)
    np.testing.assert_allclose(layer.bias.detach().numpy(), bias, rtol=1e-6)


def test_examples_are_made_with_the_weights_as_they_are() -> None:
    seen: list[Tensor] = []

    def craft(model: nn.Module, batch: Batch, draw: torch.Generator) -> Batch:  # noqa: ARG001
        seen.append(model(batch.pixels).detach())
        return replace(batch, examples=batch.pixels)

    def look(model: nn.Module, batch: Batch, draw: torch.Generator) -> StepOutcome:
        seen.append(model(batch.crafted).detach())
        return compute_standard_loss(model, batch, draw)

    (model, _), batch = make_softmax(), make_images()
    perturb_weights(ExampleObjective(craft, look), AWP)(model, batch, make_draw())
    crafted, first, second = seen
    assert torch.equal(crafted, first)
    assert not torch.allclose(first, second)


def test_both_losses_see_the_same_random_numbers() -> None:
    drawn: list[float] = []

    def draw_once(model: nn.Module, batch: Batch, draw: torch.Generator) -> StepOutcome:
        drawn.append(torch.rand((), generator=draw).item())
        return compute_standard_loss(model, batch, draw)

    (model, _), batch = make_softmax(), make_images()
    numbers = make_draw()
    perturb_weights(draw_once, AWP)(model, batch, numbers)
    assert drawn[0] == drawn[1]
    assert torch.rand((), generator=numbers).item() != drawn[0]


def test_statistics_of_batch_norm_are_noted_once_and_what_is_zero_stays_zero() -> None:
    """A step of N-FGSM shows the model three batches: one for the examples, one for each loss, which does not count."""
    layer = nn.Linear(6, 3)
    layer.weight.data[1] = 0
    norm = nn.BatchNorm1d(6)
    model = nn.Sequential(nn.Flatten(), norm, layer).train()
    batch = make_images()
    single = replace(batch, pixels=batch.pixels.float())
    objective = perturb_weights(build_n_fgsm(NFgsmSettings(eps=0.1)), AWP)
    seen: list[Tensor] = []
    model.register_forward_hook(lambda *_: seen.append(layer.weight.detach().clone()))
    objective(model, single, make_draw())
    assert norm.num_batches_tracked is not None
    assert norm.num_batches_tracked.item() == 2
    assert len(seen) == 3
    assert seen[2][1].count_nonzero() == 0
    assert not torch.equal(seen[2], seen[0])


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
