"""What the judge predicts, and which images it is asked about."""

from __future__ import annotations

import pytest
from torch import nn

from tasks.errors import StageError
from tasks.evaluation.evaluate import evaluate
from tests.support.attack_models import Linear, linear_images, settings


def test_a_model_that_answers_nan_fails_with_that_word() -> None:
    model, images = Linear(), linear_images()
    nn.init.constant_(model.weight, float("nan"))
    with pytest.raises(StageError, match="NaN"):
        evaluate(model, images, [settings(name="fgsm", eps=0.1)], 0, 0.5)


def test_only_correct_leaves_out_what_the_model_gets_wrong() -> None:
    images = linear_images()
    images.labels[:5] = 1 - images.labels[:5]
    cell = settings(name="fgsm", eps=0.01, only_correct=True)
    counts = evaluate(Linear(), images, [cell], 0, 0.5)[0].count_correct()
    assert counts["examples"] == counts["clean_correct"] == 7
    with pytest.raises(StageError, match="only 7 correctly classified"):
        evaluate(Linear(), images, [cell.model_copy(update={"examples": 8})], 0, 0.5)
