"""The best beside the next: what its lead says of the models, and what of their settings."""

from __future__ import annotations

from dataclasses import replace

import pytest

from orchestrator.report.analysis.answers import answer_questions
from orchestrator.report.analysis.image_results import ImageRecords
from orchestrator.report.analysis.leads import compare_images, compare_seeds
from orchestrator.report.analysis.study import Measured, Study
from orchestrator.results.statistics import Interval, Paired


def test_two_models_are_compared_on_the_images_that_both_have_seen(made_study: Study) -> None:
    first, second = made_study.under(made_study.headline)[:2]
    sides = {row["trial_id"]: {("test", 0): True, ("test", 1): True, ("test", 2): False} for row in first.rows}
    sides |= {row["trial_id"]: {("test", 1): False, ("test", 2): False, ("test", 3): True} for row in second.rows}
    found = compare_images(first, second, lambda row: sides[row["trial_id"]])
    assert found is not None
    assert (found.images, found.only_first, found.only_second) == (2 * 3, 1 * 3, 0)
    assert compare_images(first, second, lambda _: {}) is None


def test_two_models_are_compared_seed_by_seed(made_study: Study) -> None:
    def give(entry: Measured, *rates: float) -> Measured:
        return replace(
            entry, rows=tuple({**entry.rows[0], "seed": n, "robust_accuracy": r} for n, r in enumerate(rates))
        )

    first, second = made_study.under(made_study.headline)[:2]
    found = compare_seeds(give(first, 0.5, 0.7, 0.4), give(second, 0.4, 0.5))
    assert found is not None
    assert found.interval.mean == pytest.approx(0.15), "0.1 and 0.2"
    assert found.interval.count == 2, "the third has no pair"
    assert compare_seeds(give(first, 0.5), replace(second, rows=())) is None


def test_a_lead_is_one_of_settings_only_over_seeds(made_study: Study, made_images: ImageRecords) -> None:
    (answer,) = answer_questions(made_study, made_images.robust).answers
    assert answer.over_seeds is not None
    assert answer.over_seeds.interval.count == 3
    assert answer.verdict == "a tie: the lead is noise"
    few = replace(answer, over_seeds=Paired(Interval(0.1, 0.0, 0.2, 2), 0.01), adjusted=0.001)
    assert few.verdict == "ahead on these images; too few seeds to speak of settings"
    assert replace(few, adjusted=0.5).verdict == "a tie on these images"
    many = replace(answer, over_seeds=Paired(Interval(0.1, 0.05, 0.15, 3), 0.01))
    assert many.verdict == "a real lead"
    assert replace(few, adjusted=None).verdict == replace(answer, test=None, over_seeds=None).verdict == ""
    alone = replace(few, over_seeds=None)
    assert alone.verdict == "ahead on these images; too few seeds to speak of settings"
    assert [replace(alone, adjusted=p).tie for p in (0.05, 0.051, None)] == [False, True, False]
    seeds = Interval(0.1, 0.05, 0.15, 3)
    assert [replace(answer, over_seeds=Paired(seeds, p)).tie for p in (0.05, 0.051, None)] == [False, True, True]
