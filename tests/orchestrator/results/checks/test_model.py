"""What a model shows of itself stands in the verdicts on all of its numbers."""

from __future__ import annotations

import pytest

from orchestrator.results.checks.verdict import OK, SUSPICIOUS, UPPER_BOUND
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
