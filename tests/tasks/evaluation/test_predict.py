"""What the judge predicts, and which images it is asked about."""

from __future__ import annotations

import pytest
from torch import nn

from tasks.errors import StageError
from tasks.evaluation.evaluate import evaluate
from tasks.evaluation.predict import choose_images
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


def test_images_are_chosen_by_the_seed_and_each_once() -> None:
    images = linear_images(40)

    def choose(seed: int, count: int | None) -> list[int]:
        cell = settings(name="fgsm", eps=0.01, examples=count)
        places: list[int] = choose_images(Linear(), images, cell, seed).tolist()
        return places

    assert choose(0, None) == list(range(40))
    assert choose(0, 10) == choose(0, 10) == sorted({*choose(0, 10)})
    assert choose(0, 10) != choose(1, 10)
    assert choose(0, 10) != list(range(10))
    assert {*choose(0, 10)} < {*choose(0, 20)}, "fewer images are some of more"
    with pytest.raises(StageError, match="examples = 41: there are only 40 test images"):
        choose(0, 41)


def test_only_correct_images_are_chosen_whatever_the_batch() -> None:
    images = linear_images(40)
    images.labels[::3] = 1 - images.labels[::3]
    cells = [settings(name="fgsm", eps=0.01, only_correct=True, batch_size=size) for size in (40, 7)]
    chosen = [choose_images(Linear(), images, cell, 0).tolist() for cell in cells]
    assert chosen[0] == chosen[1] == [place for place in range(40) if place % 3]
