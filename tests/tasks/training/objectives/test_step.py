"""What a step is given and returns, whatever form an objective has."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, Literal

import pytest
import torch
from torch import Tensor, nn

from tasks.data.images import Images
from tasks.settings import keyed
from tasks.training.objectives.base import ObjectiveSettings
from tasks.training.objectives.step import (
    Batch,
    ExampleObjective,
    ObjectiveContext,
    StepOutcome,
    assess_logits,
    build_objective,
    split_objective,
)
from tests.support.training import make_draw


def make_batch() -> Batch:
    return Batch(torch.zeros(3, 1, 1, 1), torch.tensor([0, 1, 1]), torch.arange(3))


CONTEXT = ObjectiveContext(
    nn.Flatten(), Images(torch.zeros(3, 1, 1, 1).byte(), torch.zeros(3).long(), ("a", "b")), (), 7
)


class Formed(ObjectiveSettings):
    """An objective that is built in several forms."""

    name: Literal["formed"] = keyed("formed")


def build_pair(settings: Formed) -> Any:  # noqa: ARG001
    return lambda model, batch, draw: (torch.tensor(2.0), torch.tensor(0.5))  # noqa: ARG005


def build_outcome(settings: Formed, context: ObjectiveContext) -> Any:  # noqa: ARG001
    return lambda model, batch, draw: StepOutcome(torch.tensor(float(context.seed)), torch.tensor(1.0))  # noqa: ARG005


def build_examples(settings: Formed) -> Any:  # noqa: ARG001
    def craft(model: nn.Module, batch: Batch, draw: torch.Generator) -> Batch:  # noqa: ARG001
        return replace(batch, examples=batch.pixels + 3)

    return ExampleObjective(craft, lambda model, batch, draw: StepOutcome(batch.crafted.sum(), torch.tensor(0.0)))  # noqa: ARG005


@pytest.mark.parametrize(("build", "loss"), [(build_pair, 2.0), (build_outcome, 7.0), (build_examples, 9.0)])
def test_an_objective_may_have_any_form(build: Any, loss: float, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Formed, "build", build, raising=False)
    objective = build_objective(Formed(), CONTEXT)
    found = objective(CONTEXT.model, make_batch(), make_draw())
    assert isinstance(found, StepOutcome)
    assert float(found.loss) == loss
    two_steps = split_objective(objective)
    assert isinstance(two_steps, ExampleObjective)
    made = two_steps.craft(CONTEXT.model, make_batch(), make_draw())
    assert (made.examples is not None) is (build is build_examples)
    assert float(two_steps.compute_loss(CONTEXT.model, made, make_draw()).loss) == loss


def test_who_has_made_no_examples_has_none() -> None:
    with pytest.raises(AssertionError, match="examples are made before a loss is taken on them"):
        _ = make_batch().crafted


def test_the_loss_is_the_mean_of_cross_entropies_and_the_accuracy_has_no_gradient() -> None:
    """Softmax of (ln 3, 0) is (3/4, 1/4)."""
    logits = torch.tensor([[3.0, 1.0], [3.0, 1.0], [1.0, 1.0]]).log().requires_grad_()
    found = assess_logits(logits, torch.tensor([0, 1, 0]))
    expected: Tensor = -torch.tensor([0.75, 0.25, 0.5]).log().mean()
    torch.testing.assert_close(found.loss, expected)
    assert found.loss.requires_grad
    assert not found.accuracy.requires_grad
    assert float(found.accuracy) == pytest.approx(2 / 3)
    assert found.eps_reached is None
