"""The search for the smallest constant, by hand: where success begins at known constants."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from tasks.attacks.base import ConstantSettings
from tasks.attacks.carlini_wagner.settings import CarliniWagnerSettings
from tasks.attacks.engine.constant_search import (
    BestExamples,
    EarlyAbort,
    compute_shortfall,
    has_margin,
    search_constants,
)
from tasks.attacks.engine.job import AttackJob
from tests.support.attack_models import Linear, job_of, linear_images

EASY, HARD, NEVER = 0.03, 0.5, torch.inf


def settings(**raw: object) -> ConstantSettings:
    return CarliniWagnerSettings.model_validate({"name": "carlini_wagner", "initial_const": 0.01, **raw})


def constants_tried(steps: int) -> list[list[float]]:
    """Of three images that succeed from their own constants on."""
    job, tried = job_of(Linear(), linear_images(3), (1,)), []
    begin = torch.tensor([EASY, HARD, NEVER])

    def descend(job: AttackJob, constants: Tensor, best: BestExamples) -> None:
        tried.append(constants.tolist())
        success = constants >= begin
        best.record(torch.arange(3), job.clean + 0.1, constants, success)

    found = search_constants(job, settings(binary_search_steps=steps), descend)
    assert torch.equal(found[2], job.clean[2]), "clean where there is no success"
    assert found[:2].ne(job.clean[:2]).all()
    return [list(each) for each in zip(*tried, strict=True)]


def test_constants_grow_by_ten_until_a_success_and_are_halved_toward_the_last_failure() -> None:
    easy, hard, never = constants_tried(5)
    assert easy == pytest.approx([0.01, 0.1, 0.055, 0.0325, 0.02125])
    assert hard == pytest.approx([0.01, 0.1, 1, 0.55, 0.325])
    assert never == pytest.approx([0.01, 0.1, 1, 10, 100])


def test_the_last_of_many_constants_is_where_success_was_seen_last() -> None:
    easy, _, never = constants_tried(10)
    assert easy[-1] == pytest.approx(min(constant for constant in easy[:-1] if constant >= EASY))
    assert never[-1] == pytest.approx(1e10)
    assert constants_tried(9)[0][-1] != pytest.approx(min(c for c in constants_tried(9)[0][:-1] if c >= EASY))


def test_only_a_smaller_success_is_kept() -> None:
    images = torch.zeros(3, 1, 2, 2)
    best = BestExamples.make_empty(images)
    best.record(torch.tensor([0, 2]), torch.ones(2, 1, 2, 2), torch.tensor([5.0, 1.0]), torch.tensor([True, False]))
    best.record(
        torch.tensor([0, 1]), torch.full((2, 1, 2, 2), 0.5), torch.tensor([7.0, 3.0]), torch.tensor([True, True])
    )
    best.record(torch.tensor([0]), torch.zeros(1, 1, 2, 2), torch.tensor([1.0]), torch.tensor([False]))
    assert best.images[:, 0, 0, 0].tolist() == [1.0, 0.5, 0.0]
    assert best.sizes.tolist() == [5.0, 3.0, torch.inf]
    assert best.has_success.tolist() == [True, True, False]
    assert best.could_improve(torch.tensor([0, 1, 2]), torch.tensor([6.0, 2.0, 9.0])).tolist() == [False, True, True]


def test_an_image_without_progress_is_given_up_after_a_tenth_of_the_steps() -> None:
    best = BestExamples.make_empty(torch.zeros(3, 1, 2, 2))
    abort = EarlyAbort(settings(steps=30, abort_early=True), best)
    everyone = torch.arange(3)
    assert abort.find_improving(0, everyone, torch.tensor([1.0, 1.0, 1.0])) is None
    assert abort.find_improving(2, everyone, torch.tensor([9.0, 9.0, 9.0])) is None, "nobody is looked at"
    best.record(torch.tensor([2]), torch.ones(1, 1, 2, 2), torch.tensor([4.0]), torch.tensor([True]))
    kept = abort.find_improving(3, everyone, torch.tensor([0.5, 1.0, 1.0]))
    assert kept is not None
    assert kept.tolist() == [0, 2], "a lower loss, nothing, a smaller success"
    kept = abort.find_improving(6, torch.tensor([0, 2]), torch.tensor([0.4, 1.0]))
    assert kept is not None
    assert kept.tolist() == [0], "a success counts once"
    never = EarlyAbort(settings(steps=30), best)
    assert never.find_improving(3, everyone, torch.tensor([9.0, 9.0, 9.0])) is None


def test_confidence_asks_for_a_margin() -> None:
    job = job_of(Linear(), linear_images(4), (1,))
    logits = torch.zeros(4, 4)
    lead = torch.tensor([-1.0, 0.2, 0.7, 2.0])  # of another class
    logits[torch.arange(4), 1 - job.labels] = lead
    logits[:, 2:] = -9
    assert has_margin(job, job.clean, logits, 0.0).tolist() == [False, True, True, True]
    assert has_margin(job, job.clean, logits, 0.5).tolist() == [False, False, True, True]
    expected = torch.tensor([1.5, 0.3, 0.0, 0.0])
    torch.testing.assert_close(compute_shortfall(job, logits, 0.5), expected, rtol=0, atol=1e-4)
