"""What a model shows of itself stands in the verdicts on all of its numbers."""

from __future__ import annotations

from typing import Any

import pytest

from orchestrator.results.checks.verdict import NOT_TESTED, OK, SUSPICIOUS, UPPER_BOUND
from orchestrator.results.verdicts import check_rows
from tests.support.rows import ifgsm, row, verdicts_of


def test_masked_and_random_models_are_noticed() -> None:
    assert verdicts_of("gradients present", check_rows([ifgsm("8/255", 10, 200, zero_gradients=200)])) == {SUSPICIOUS}
    assert verdicts_of("deterministic", check_rows([ifgsm("8/255", 10, 200, deterministic=False)])) == {SUSPICIOUS}


def test_training_that_has_collapsed_under_a_single_step_is_noticed() -> None:
    def verdicts(**metrics: object) -> set[str]:
        found = ifgsm("8/255", 10, 200) | {"catastrophic_overfitting_epoch": None, "robust_train_accuracy": None}
        return verdicts_of("no catastrophic overfitting", check_rows([found | metrics]))

    assert verdicts(catastrophic_overfitting_epoch=3, robust_train_accuracy=0.01) == {SUSPICIOUS}
    assert verdicts(robust_train_accuracy=0.4) == {OK}
    assert verdicts() == set(), "nobody has looked"


@pytest.mark.parametrize(("clean", "verdict"), [(300, OK), (190, OK), (110, SUSPICIOUS), (60, SUSPICIOUS)])
def test_a_model_that_guesses_is_noticed(clean: int, verdict: str) -> None:
    """Of 1,000 images of ten classes; 190 are more than chance explains."""
    rows = [ifgsm("8/255", 10, 50, clean_correct=clean)]
    assert verdicts_of("clean accuracy above chance", check_rows(rows)) == {verdict}


@pytest.mark.parametrize(
    ("clean", "said", "cause"),
    [(100, 1, "the same class of every image"), (100, 10, "no better than guessing"), (40, 10, "labels are shifted")],
)
def test_why_a_model_guesses_is_said(clean: int, said: int, cause: str) -> None:
    rows = [ifgsm("8/255", 10, 50, clean_correct=clean, health={"classes_said": said})]
    (found,) = (each for each in check_rows(rows) if each.check == "clean accuracy above chance")
    assert cause in found.cause


@pytest.mark.parametrize(
    ("remembered", "deterministic", "verdict"), [(5, True, SUSPICIOUS), (2, True, OK), (5, False, OK)]
)
def test_a_model_that_remembers_what_it_saw_is_noticed(remembered: int, deterministic: bool, verdict: str) -> None:
    health = {"asked": 100, "remembered": remembered}
    rows = [ifgsm("8/255", 10, 200, deterministic=deterministic, health=health)]
    assert verdicts_of("answers from the image alone", check_rows(rows)) == {verdict}


@pytest.mark.parametrize(("left", "verdict"), [(60, SUSPICIOUS), (32, SUSPICIOUS), (12, OK), (0, OK)])
def test_erased_images_are_not_recognised(left: int, verdict: str) -> None:
    rows = [ifgsm("8/255", 10, 200, health={"erased_images": 64, "erased_correct": left})]
    assert verdicts_of("erased images unseen", check_rows(rows)) == {verdict}


@pytest.mark.parametrize(("step", "noise", "verdict"), [(2, 40, SUSPICIOUS), (40, 2, OK), (20, 22, OK)])
def test_a_step_along_the_gradient_fools_more_than_noise(step: int, noise: int, verdict: str) -> None:
    health = {"probe_images": 256, "step_only": step, "noise_only": noise}
    assert verdicts_of("a step >= noise", check_rows([ifgsm("8/255", 10, 200, health=health)])) == {verdict}


def test_an_attack_on_the_mean_of_many_looks_fits_a_model_that_answers_at_random() -> None:
    attack = {"name": "autoattack", "eps": "8/255", "version": "rand"}
    assert verdicts_of("deterministic", check_rows([row(attack, 200, deterministic=False)])) == {OK}
    attack.pop("version")
    assert verdicts_of("deterministic", check_rows([row(attack, 200, deterministic=False)])) == {SUSPICIOUS}


def test_a_gradient_through_transformations_is_a_stand_in_at_most() -> None:
    health = {"raised_images": 100, "raised": 50}
    found = ifgsm("8/255", 10, 200, health=health)
    assert verdicts_of("gradient raises the loss", check_rows([found])) == {SUSPICIOUS}
    behind = found | {"transformations": "quilting"}
    assert verdicts_of("gradient raises the loss", check_rows([behind])) == {UPPER_BOUND}
    sound = ifgsm("8/255", 10, 200, health={"raised_images": 100, "raised": 95})
    assert verdicts_of("gradient raises the loss", check_rows([sound])) == {OK}


@pytest.mark.parametrize(
    ("check", "metrics", "verdict", "figures", "cause"),
    [
        ("gradients present", {"gradient_images": 200, "zero_gradients": 20}, "ok", "20 of 200 gradients are zero", ""),
        ("gradients present", {"gradient_images": 200, "zero_gradients": 21}, "suspicious",
         "21 of 200 gradients are zero", "attacks follow gradients, and there are none"),
        ("gradients present", {"gradient_images": 0}, "not tested", "needs a stage of this version", ""),
        ("deterministic", {"deterministic": True}, "ok", "two passes agree", ""),
        ("deterministic", {"deterministic": False}, "suspicious", "two passes over the same images differ",
         "the model answers at random"),
        ("answers from the image alone", {"health": {"asked": 150, "remembered": 3}}, "ok",
         "3 of 150 examples are answered otherwise after the clean images", ""),
        ("answers from the image alone", {"health": {"asked": 150, "remembered": 4}}, "suspicious",
         "4 of 150 examples are answered otherwise after the clean images", "the model remembers images"),
        ("answers from the image alone", {"health": {"asked": 0}}, "not tested", "needs a stage of this version", ""),
        ("clean accuracy above chance", {"clean_correct": 199, "examples": 1000}, "ok",
         "19.9% of 1000 images, chance 10.0%", ""),
        ("clean accuracy above chance", {"clean_correct": 20, "examples": 100, "classes": 5}, "suspicious",
         "20.0% of 100 images, chance 20.0%", "the model does no better than guessing"),
        ("clean accuracy above chance", {"clean_correct": 7, "examples": 40}, "suspicious",
         "17.5% of 40 images, chance 10.0%", "the model does no better than guessing"),
        ("clean accuracy above chance", {"clean_correct": 8, "examples": 40}, "ok",
         "20.0% of 40 images, chance 10.0%", ""),
        ("clean accuracy above chance", {"clean_correct": 72, "examples": 1000}, "suspicious",
         "7.2% of 1000 images, chance 10.0%", "the model does no better than guessing"),
        ("clean accuracy above chance", {"clean_correct": 71, "examples": 1000}, "suspicious",
         "7.1% of 1000 images, chance 10.0%", "the model is wrong more often than by guessing"),
        ("erased images unseen", {"health": {"erased_images": 64, "erased_correct": 19}}, "ok",
         "19 of 64 images withstand five steps with a budget of 0.5", ""),
        ("erased images unseen", {"health": {"erased_images": 64, "erased_correct": 20}}, "suspicious",
         "20 of 64 images withstand five steps with a budget of 0.5", "gradients lead nowhere"),
        ("erased images unseen", {"health": {"erased_images": 64, "erased_correct": 20}, "classes": 2}, "ok",
         "20 of 64 images withstand five steps with a budget of 0.5", ""),
        ("erased images unseen", {"health": {"erased_images": 8, "erased_correct": 6}}, "suspicious",
         "6 of 8 images withstand five steps with a budget of 0.5", "gradients lead nowhere"),
        ("erased images unseen", {"health": {"erased_images": 7, "erased_correct": 7}}, "not tested",
         "needs a stage of this version, and 8 images seen rightly", ""),
        ("a step >= noise", {"health": {"probe_images": 256, "step_only": 4, "noise_only": 20}}, "suspicious",
         "of 256 images noise alone fools 20, one step alone 4", "a step along the gradient is worse than a blind one"),
        ("a step >= noise", {"health": {"probe_images": 256}}, "not tested", "needs a stage of this version", ""),
    ],
)  # fmt: skip
def test_a_verdict_stands_on_its_numbers(
    check: str, metrics: dict[str, Any], verdict: str, figures: str, cause: str
) -> None:
    (found,) = (each for each in check_rows([ifgsm("8/255", 10, 5, **metrics)]) if each.check == check)
    assert (found.verdict, found.figures) == (verdict, figures)
    assert found.cause.startswith(cause)
    assert bool(found.cause) == (verdict == SUSPICIOUS)


@pytest.mark.parametrize(
    ("check", "one", "other", "figures"),
    [
        ("erased images unseen", {"health": {"erased_images": 64, "erased_correct": 12}},
         {"health": {"erased_images": 10, "erased_correct": 4}},
         "4 of 10 images withstand five steps with a budget of 0.5"),
        ("a step >= noise", {"health": {"probe_images": 99, "step_only": 30, "noise_only": 31}},
         {"health": {"probe_images": 77, "step_only": 1, "noise_only": 5}},
         "of 77 images noise alone fools 5, one step alone 1"),
    ],
)  # fmt: skip
def test_of_several_attacks_on_a_model_the_telling_one_counts_for_all(
    check: str, one: dict[str, Any], other: dict[str, Any], figures: str
) -> None:
    rows = [ifgsm("8/255", 10, 5, **one), ifgsm("4/255", 10, 5, **other)]
    for some in (rows, rows[::-1]):
        (found,) = (each for each in check_rows(some) if each.check == check)
        assert found.figures == figures
        assert set(found.trials) == {each["trial_id"] for each in rows}


def test_among_images_that_were_seen_rightly_nobody_looks_for_guessing() -> None:
    found = row({"name": "ifgsm", "eps": "8/255", "steps": 10, "only_correct": True}, 50, clean_correct=1000)
    assert verdicts_of("clean accuracy above chance", check_rows([found])) == {NOT_TESTED}


def test_a_model_whose_randomness_nobody_looked_at_is_not_called_random() -> None:
    found = ifgsm("8/255", 10, 200) | {"deterministic": None}
    assert verdicts_of("deterministic", check_rows([found])) == {NOT_TESTED}


def test_collapsed_training_names_its_epoch_and_what_withstands() -> None:
    nothing = ifgsm("8/255", 10, 200) | {"catastrophic_overfitting_epoch": None, "robust_train_accuracy": None}
    says = [
        each.figures
        for change in ({"catastrophic_overfitting_epoch": 0}, {"robust_train_accuracy": 0.0})
        for each in check_rows([nothing | change])
        if each.check == "no catastrophic overfitting"
    ]
    assert says == [
        "robust accuracy fell in epoch 0 of training", "0.0% of probed training images withstand PGD"
    ]  # fmt: skip
