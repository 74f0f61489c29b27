"""The evaluator: batches of any size, several budgets of one run, and who is attacked and who judges."""

from __future__ import annotations

import logging

import pytest
import torch

from tasks.attacks.engine.job import AttackJob, ExamplesBySteps
from tasks.data.images import convert_to_float
from tasks.evaluation import evaluate as evaluator
from tasks.evaluation.evaluate import evaluate
from tasks.evaluation.settings import AttackSettings
from tests.support.attack_models import Linear, linear_images, network, network_images, settings


def test_a_batch_that_does_not_fit_in_memory_is_halved(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    cell = settings(name="ifgsm", eps=0.05)
    (expected,) = evaluate(Linear(), linear_images(), [cell], 0, 0.5)
    craft = evaluator.craft

    def small(job: AttackJob, cell: AttackSettings) -> ExamplesBySteps:
        if len(job.labels) > 3:
            raise torch.OutOfMemoryError
        return craft(job, cell)

    monkeypatch.setattr(evaluator, "craft", small)
    with caplog.at_level(logging.WARNING):
        (found,) = evaluate(Linear(), linear_images(), [cell], 0, 0.5)
    assert found.table.equals(expected.table)
    assert [record.args for record in caplog.records] == [(6,), (3,)]


def test_one_run_of_a_minimal_attack_serves_every_budget() -> None:
    model, images = Linear(), linear_images()
    exact = model.distances(convert_to_float(images.pixels), "l2")
    budgets = [0.01, 0.05, 0.1, 0.2]
    cells = [settings(name="fab_t", norm="l2", eps=eps) for eps in [*budgets, None]]
    assert len({str(cell.shared()) for cell in cells}) == 1
    found = [result.count_correct()["robust_correct"] for result in evaluate(model, images, cells, 0, 0.5)]
    assert found == [*(int((exact > eps * 1.001).sum()) for eps in budgets), 0]


def test_examples_are_made_against_the_surrogate_and_judged_by_the_model() -> None:
    model, other = network(0), network(1)
    images = network_images(model)
    cell = settings(name="ifgsm", eps=0.1)
    (white,) = evaluate(model, images, [cell], 0, 0.5)
    (black,) = evaluate(model, images, [cell], 0, 0.5, surrogate=other)
    (same,) = evaluate(model, images, [cell.model_copy(update={"stop_when_fooled": False})], 0, 0.5, surrogate=model)
    assert black.count_correct()["robust_correct"] > white.count_correct()["robust_correct"]
    assert same.count_correct()["robust_correct"] <= white.count_correct()["robust_correct"] + 1
