"""What the stage that attacks measures beside the images."""

from __future__ import annotations

import io
import time
from pathlib import Path

import pyarrow.parquet as pq
import pytest
import torch

from tasks import paths
from tasks.contracts import toy
from tasks.errors import StageError
from tasks.stages.attack import check_weights, measure_inference
from tests.support import small

NORMALISED = {"name": "fgsm", "eps": 0.1, "eps_space": "normalized", "examples": 30}


def test_the_largest_perturbation_is_in_the_unit_of_the_budget(tmp_path: Path) -> None:
    """Half a pixel's range is one normalised unit, so that a budget of 0.1 is 0.05 in pixels."""
    at = small.context(tmp_path)
    record = small.run(small.trial(attack=NORMALISED), at)[-1]
    found = record["metrics"]
    table = pq.read_table(io.BytesIO(at.store.read_file(record, paths.EXAMPLES)))
    assert max(table["linf"].to_pylist()) == pytest.approx(0.05, abs=1e-6)
    assert found["eps_reached"] == pytest.approx(0.1, abs=1e-5)
    right = [p == t for p, t in zip(table["clean_prediction"].to_pylist(), table["label"].to_pylist(), strict=True)]
    assert (found["examples"], found["clean_correct"]) == (30, sum(right))
    assert found["robust_correct"] == sum(table["robust"].to_pylist()) < found["clean_correct"]
    assert set(table["stage_key"].to_pylist()) == {record["key"]}
    assert (found["classes"], found["prepared"]) == (10, True), "a resnet8 is folded for few passes too"
    assert (found["parameters"], found["macs"] > 0) == (found["nonzero_parameters"], True)


def test_weights_that_are_not_finite_are_named() -> None:
    model = toy.build_model()
    check_weights(model)
    name, weight = list(model.named_parameters())[3]
    for value in (float("nan"), float("-inf")):
        weight.data[-1] = value
        with pytest.raises(StageError, match=f"NaN or infinite: {name}$"):
            check_weights(model)


def test_the_time_of_an_image_is_the_median_of_the_passes_after_the_first(monkeypatch: pytest.MonkeyPatch) -> None:
    """Passes of 100, 5, 1, 2, 9 and 3 seconds over twelve images."""
    model = toy.build_model()
    ends = torch.tensor([100.0, 5, 1, 2, 9, 3]).cumsum(0).tolist()
    clock = iter([time for begin, end in zip([0.0, *ends], ends, strict=False) for time in (begin, end)])
    monkeypatch.setattr(time, "perf_counter", lambda: next(clock))
    assert measure_inference(model, toy.make_images(model)) == pytest.approx(3 / toy.IMAGES)
