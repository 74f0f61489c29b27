"""The stage that certifies: its budgets in their order, and what it measures beside them."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from tasks.contracts import toy
from tasks.data.images import Splits
from tasks.errors import StageError
from tasks.evaluation.settings import AttackSettings
from tasks.models.build import Description
from tasks.stages import certificate
from tasks.stages.certificate import run_certificate
from tasks.stages.context import Context
from tasks.trial.chain import Stage
from tests.support import small

BUDGETS = (0.02, 0.0, 1e-6)


def make_stages(**section: object) -> list[Stage]:
    """Attack stages that one run serves, in no order of their budgets."""
    cells = [{"name": "interval_bounds", "eps": eps, "examples": 9, **section} for eps in BUDGETS]
    return [small.stages_of(small.trial(attack=cell, seed=3))[-1] for cell in cells]


@pytest.fixture
def at(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Context:
    """Where stages find the toy model, whose std is 0.25, and its images."""
    model = toy.build_model()
    images = toy.make_images(model)
    description = Description("toy", "cifar", 1, toy.CLASSES, 0.5, 0.25)
    monkeypatch.setattr(Context, "load_upstream_model", lambda *_: (description, model))
    monkeypatch.setattr(Context, "load_data", lambda *_: Splits(images, images, images))
    monkeypatch.setattr(certificate, "measure_inference", lambda *_: 0.125)
    return small.context(tmp_path)


def test_results_come_in_the_order_of_the_stages(at: Context) -> None:
    found = run_certificate(make_stages(), at)
    counts = [metrics["metrics"]["robust_correct"] for _, metrics in found]
    assert counts == [result.count_correct()["robust_correct"] for result, _ in found]
    assert counts[0] < counts[2] <= counts[1] == 9
    for _, outcome in found:
        metrics = outcome["metrics"]
        assert (metrics["examples"], metrics["clean_correct"], metrics["classes"]) == (9, 9, 4)
        assert (metrics["parameters"], metrics["nonzero_parameters"]) == (292, 286), "biases of batch norm begin at 0"
        assert (metrics["macs"], metrics["inference_seconds"]) == (9 * 54 + 216, 0.125)


def test_a_budget_is_in_the_unit_that_its_stages_name(at: Context) -> None:
    """A normalised unit is a quarter of a pixel's range: a radius suffices for four times the budget."""
    (table,) = {
        str(result.table["radius"].to_pylist()): result.table for result, _ in run_certificate(make_stages(), at)
    }.values()
    radius = sorted(table["radius"].to_pylist())[4]
    for space, share in (("pixel", 0.99), ("normalized", 3.96)):
        cell = {"name": "interval_bounds", "eps": share * radius, "examples": 9, "eps_space": space}
        stage = small.stages_of(small.trial(attack=cell, seed=3))[-1]
        assert isinstance(stage.settings, AttackSettings)
        ((_, outcome),) = run_certificate([stage], at)
        assert outcome["metrics"]["robust_correct"] == 5


def test_a_model_that_is_no_model_is_refused(at: Context) -> None:
    _, model = at.load_upstream_model(make_stages()[0])
    next(model.parameters()).data[0] = torch.nan
    with pytest.raises(StageError, match="weights are NaN or infinite"):
        run_certificate(make_stages(), at)
