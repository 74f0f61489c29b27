"""The size of a step that nobody writes lets the steps reach the budget, in evaluation and in training."""

from __future__ import annotations

import pytest

from tasks.attacks.gradient.settings import IfgsmSettings, PgdSettings


@pytest.mark.parametrize(("steps", "share"), [(1, 1.0), (2, 1 / 2), (3, 1 / 3), (4, None), (20, None)])
def test_in_evaluation_few_steps_are_longer(steps: int, share: float | None) -> None:
    found = IfgsmSettings(eps=0.08, steps=steps).resolve_for_evaluation()
    assert found.step_size == (share and pytest.approx(share * 0.08)), "null is a quarter"


@pytest.mark.parametrize(("steps", "share"), [(1, 1.0), (2, 1.0), (3, 2.5 / 3), (5, 0.5), (10, None), (40, 0.0625)])
def test_in_training_the_steps_go_two_and_a_half_budgets_in_all(steps: int, share: float | None) -> None:
    found = PgdSettings(eps=0.08, steps=steps).resolve_for_training()
    assert found.step_size == (share and pytest.approx(share * 0.08)), "null is a quarter"


def test_a_size_that_is_written_stands() -> None:
    written = IfgsmSettings(eps=0.08, steps=2, step_size=0.01)
    assert written.resolve_for_training() == written.resolve_for_evaluation() == written
    assert written.longest_path == pytest.approx(0.02)


def test_without_a_budget_no_step_is_written() -> None:
    nothing = IfgsmSettings(eps=0, steps=2)
    assert nothing.resolve_for_training() == nothing.resolve_for_evaluation() == nothing
