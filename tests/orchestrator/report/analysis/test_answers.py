"""What a report recommends, at which cost."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from orchestrator.report.analysis import answers
from orchestrator.report.analysis.answers import answer_questions, describe_seeds_needed
from orchestrator.report.analysis.image_results import ImageRecords
from orchestrator.report.analysis.studies import group_studies
from orchestrator.report.analysis.study import Study
from tests.support.report_data import GRID, made_up


def test_answers_name_the_best_for_each_minimum(made_study: Study, made_images: ImageRecords) -> None:
    found = answer_questions(made_study, made_images.robust)
    assert [answer.choice.least for answer in found.answers] == [0.93], "the unpruned models win at every minimum"
    assert found.answers[0].choice.best.configuration.values["pruning_ratio"] == 0.0
    assert found.answers[0].test is not None
    assert found.answers[0].tie, "which lambda is chosen makes no difference"
    assert any("pruning ratio 0 → 0.4" in line for line in found.describe_effects("real"))
    assert any("lambda 0.5 → 0.9" in line for line in found.describe_effects("noise"))


def costly(row: dict[str, Any]) -> tuple[float, float]:
    """The more robust, the less accurate; nothing is symmetric."""
    return (0.8, 0.6) if row["lambda"] == 0.9 else (0.95, 0.3) if row["lambda"] else (0.98, 0.05)


def free(row: dict[str, Any]) -> tuple[float, float]:
    """Robustness that comes with accuracy."""
    return (0.9, 0.5) if row["lambda"] == 0.9 else (0.85, 0.4) if row["lambda"] else (0.8, 0.1)


@pytest.mark.parametrize(
    ("rule", "sentence"),
    [
        (costly, "Against no adversarial fine-tuning (98.3 % clean, 5.0 % robust) it costs 18.3 points of clean "
                 "accuracy and gains 55.0 points of robust accuracy."),
        (free, "Against no adversarial fine-tuning (80.0 % clean, 10.0 % robust) it gains 10.0 points of clean "
               "accuracy and gains 40.0 points of robust accuracy."),
    ],
    ids=["costly", "free"],
)  # fmt: skip
def test_the_recommendation_states_what_it_costs(
    rule: Callable[[dict[str, Any]], tuple[float, float]], sentence: str, tmp_path: Path
) -> None:
    """Of 120 images 98 % are 118, which is 98.3 %."""
    (study,) = group_studies(made_up(tmp_path, {**GRID, "prune": None}, rule=rule, images=False).rows())
    found = answer_questions(study, lambda _: {}).recommendation
    assert found[1] == sentence


def test_a_costly_defence_wins_only_where_its_price_may_be_paid(tmp_path: Path) -> None:
    (study,) = group_studies(made_up(tmp_path, {**GRID, "prune": None}, rule=costly, images=False).rows())
    found = answer_questions(study, lambda _: {}).answers
    assert [(answer.choice.least, answer.choice.best.rows[0]["lambda"]) for answer in found] == [
        (0.98, None), (0.95, 0.5), (0.8, 0.9)
    ]  # fmt: skip
    assert found[0].test is None, "no images, no test"


def test_a_suspicious_trial_is_mentioned_with_the_recommendation(tmp_path: Path) -> None:
    rows = [
        {
            **row,
            "verdict": "suspicious" if row["lambda"] == 0.9 and row["seed"] == 1 else "ok",
            "verdict_reason": "noise wins",
        }
        for row in made_up(tmp_path, {**GRID, "prune": None}, rule=costly, images=False).rows()
    ]
    (study,) = group_studies(rows)
    lines = answer_questions(study, lambda _: {}).recommendation
    assert (
        "1 of its 3 trials failed a check of the numbers, so do not rely on its robust accuracy: noise wins." in lines
    )
    assert lines[-1].startswith("Chosen among 5 by the images that these accuracies are quoted on")
    (alone,) = group_studies([row for row in rows if row["seed"] == 1])
    said = answer_questions(alone, lambda _: {}).recommendation
    assert "Its trial failed a check of the numbers, so do not rely on its robust accuracy: noise wins." in said


def close(row: dict[str, Any]) -> tuple[float, float]:
    """lambda 0.5 is the best compromise, lambda 0.9 hardly worse, though too inaccurate for the same minimum."""
    return (0.95, 0.7) if row["lambda"] == 0.9 else (0.975, 0.69) if row["lambda"] else (0.98, 0.2)


def leading(row: dict[str, Any]) -> tuple[float, float]:
    """The second best compromise is by far the most robust."""
    return (0.6, 0.9) if row["lambda"] == 0.9 else (0.975, 0.6) if row["lambda"] else (0.98, 0.0)


@pytest.mark.parametrize(
    ("rule", "sentence"),
    [
        (close, "(95.0 % clean, 70.0 % robust, upper bound); in robust accuracy: a tie: the lead is noise."),
        (leading, "(60.0 % clean, 90.0 % robust, upper bound); in robust accuracy the next one leads: a real lead."),
    ],
    ids=["close", "leading"],
)  # fmt: skip
def test_the_recommendation_is_held_against_the_next_by_the_same_rule(
    rule: Callable[[dict[str, Any]], tuple[float, float]], sentence: str, tmp_path: Path
) -> None:
    attack = {**GRID["attack"], "eps": "16/255", "steps": 10}
    single = {"lambda": {"grid_search": [0.5, 0.9]}, "epochs": 1, "optimizer": {"name": "sgd", "lr": 0.02},
              "attack": {"name": "fgsm", "eps": "8/255"}}  # fmt: skip
    tuning = {"grid_search": [None, single]}
    content = {**GRID, "prune": None, "adversarial_finetune": tuning, "attack": attack}

    def vary(row: dict[str, Any]) -> tuple[float, float]:
        """Seeds differ a little, and not alike, so that a difference over them has a spread."""
        clean, robust = rule(row)
        return clean, robust + (0.05 * (row["seed"] - 1) if row["lambda"] == 0.9 else 0.0)

    data = made_up(tmp_path, content, rule=vary)
    rows = [{**row, "verdict": "upper bound" if row["lambda"] == 0.9 else "ok"} for row in data.rows()]
    (study,) = group_studies(rows)
    robust = {row["trial_id"]: round(row["robust_correct"]) for row in rows}
    said = answer_questions(
        study, lambda row: {("test", place): place < robust[row["trial_id"]] for place in range(120)}
    ).recommendation
    assert f"Next by the same rule: lambda 0.9 {sentence}" in said


def test_the_number_that_the_gain_is_measured_from_bears_its_verdict(tmp_path: Path) -> None:
    found = made_up(tmp_path, {**GRID, "prune": None}, rule=costly, images=False).rows()
    (study,) = group_studies([{**row, "verdict": "ok" if row["lambda"] else "suspicious"} for row in found])
    said = answer_questions(study, lambda _: {}).recommendation[1]
    assert said.startswith("Against no adversarial fine-tuning (98.3 % clean, 5.0 % robust, suspicious) it costs")


def test_too_few_seeds_are_said(made_study: Study, tmp_path: Path) -> None:
    assert describe_seeds_needed(made_study) is None
    content = {**GRID, "prune": None, "seed": {"grid_search": [0, 1]}}
    (study,) = group_studies(made_up(tmp_path, content, images=False).rows())
    assert (describe_seeds_needed(study) or "").startswith("2 seeds: too few to tell")


@pytest.mark.parametrize(
    ("verdict", "tie", "robust", "says"),
    [
        ("", False, (0.5, 0.4), ""),
        ("a real lead", False, (0.5, 0.4), "; in robust accuracy: a real lead"),
        ("a real lead", False, (0.4, 0.5), "; in robust accuracy the next one leads: a real lead"),
        ("a tie", True, (0.4, 0.5), "; in robust accuracy: a tie"),
        ("a real lead", False, (0.4, 0.4), "; in robust accuracy: a real lead"),
    ],
)
def test_who_leads_in_robust_accuracy_is_said(verdict: str, tie: bool, robust: tuple[float, float], says: str) -> None:
    """The compromise may have less of it than the next one."""
    best, runner_up = (SimpleNamespace(mean=(0.9, rate)) for rate in robust)
    lead: Any = SimpleNamespace(verdict=verdict, tie=tie, choice=SimpleNamespace(best=best), runner_up=runner_up)
    assert answers._describe_lead(lead) == says


def test_one_seed_has_no_deviation() -> None:
    one: Any = SimpleNamespace(rows=[1], clean=(0.9,), robust=(0.5,))
    two: Any = SimpleNamespace(rows=[1, 2], clean=(0.9, 0.8), robust=(0.5, 0.1))
    assert answers._describe_spread(one) == "one seed"
    assert answers._describe_spread(two) == "mean of 2 seeds, standard deviation 7.1 points and 28.3 points"
