"""What a model shows of itself, whatever the attack."""

from __future__ import annotations

import json
from collections.abc import Iterator
from functools import lru_cache
from typing import Any

from orchestrator.results.checks.methods import read_method
from orchestrator.results.checks.verdict import (
    ATHALYE,
    CARLINI,
    CROCE,
    OK,
    SUSPICIOUS,
    WONG,
    Group,
    Verdict,
    list_ids,
    report_not_tested,
)
from orchestrator.results.statistics import compute_binomial_tail, compute_sign_test
from tasks.trial.row import Row

ZERO_SHARE = 0.1
"""Share of images without a gradient that is taken as masking."""
REMEMBERED_SHARE = 0.02
"""Share of examples answered otherwise once the clean images were seen that is taken as memory."""
ERASED_LEAST, ERASED_SLACK = 8, 0.05
"""Erased images that are enough to tell, and how far above guessing accuracy on them may be."""
SURE = 1e-3
"""Probabilities below it are no chance: each sweep makes hundreds of these comparisons."""
THIS_VERSION = "a stage of this version"


def read_health(row: Row) -> dict[str, Any]:
    """The counts that its stage noted; empty in rows of earlier versions."""
    return _parse_health(row["health"]) if row["health"] else {}


@lru_cache(maxsize=4096)  # a dozen checks look at the same few rows, one after the other
def _parse_health(text: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(text)
    return found


def get_chance(row: Row) -> float:
    """Accuracy of guessing."""
    return 1 / (row["classes"] or 10)


def check_gradients_are_present(group: Group) -> Iterator[Verdict]:
    """Gradients that are zero, missing or not finite lead an attack nowhere."""
    row = group[0]
    looked, zero = row["gradient_images"], row["zero_gradients"]
    if not looked:
        yield report_not_tested("gradients present", ATHALYE, group, THIS_VERSION)
        return
    masked = zero > ZERO_SHARE * looked
    cause = "attacks follow gradients, and there are none: logits so large that the softmax saturates, rounding, or a layer without a backward pass"  # noqa: E501
    figures = f"{zero} of {looked} gradients are zero"
    yield Verdict(
        "gradients present", SUSPICIOUS if masked else OK, figures, ATHALYE, list_ids(*group), cause if masked else ""
    )


def check_answers_repeat(group: Group) -> Iterator[Verdict]:
    """A model that answers at random takes attacks that average over its answers."""
    value = group[0]["deterministic"]
    if value is None:
        yield report_not_tested("deterministic", CROCE, group, THIS_VERSION)
        return
    figures = "two passes agree" if value else "two passes over the same images differ"
    for row in group:
        method = read_method(json.loads(row["config"])["attack"])
        averages = not value and method is not None and method.averaged_looks > 1
        found = value or averages
        cause = "the model answers at random: dropout or noise in evaluation; attack the mean of its answers (autoattack with version: rand)"  # noqa: E501
        told = f"{figures}, and the attack follows their mean" if averages else figures
        yield Verdict("deterministic", OK if found else SUSPICIOUS, told, CROCE, list_ids(row), "" if found else cause)


def check_model_forgets(group: Group) -> Iterator[Verdict]:
    """A model that remembers what it saw repeats its answer for an image near to one it knows."""
    check = "answers from the image alone"
    told = [(row, health) for row in group if (health := read_health(row)).get("asked")]
    if not told:
        yield report_not_tested(check, CARLINI, group, THIS_VERSION)
        return
    for row, health in told:
        remembers = bool(row["deterministic"]) and health["remembered"] > REMEMBERED_SHARE * health["asked"]
        figures = f"{health['remembered']} of {health['asked']} examples are answered otherwise after the clean images"
        cause = "the model remembers images that it has seen" if remembers else ""
        yield Verdict(check, SUSPICIOUS if remembers else OK, figures, CARLINI, list_ids(row), cause)


def check_model_beats_guessing(group: Group) -> Iterator[Verdict]:
    """Robustness of a model that does not know the classes means nothing."""
    check, row = "clean accuracy above chance", max(group, key=lambda row: int(row["examples"]))
    if row["only_correct"]:
        yield report_not_tested(check, CARLINI, group, "an attack on all images, not on those seen rightly alone")
        return
    chance, rate = get_chance(row), row["clean_accuracy"]
    p = compute_binomial_tail(row["clean_correct"], row["examples"], chance)
    guesses = rate <= chance or (rate < 2 * chance and p > 0.05)
    figures = f"{rate:.1%} of {row['examples']} images, chance {chance:.1%}"
    cause = _explain_guessing(row, chance) if guesses else ""
    yield Verdict(check, SUSPICIOUS if guesses else OK, figures, CARLINI, list_ids(*group), cause)


def _explain_guessing(row: Row, chance: float) -> str:
    if read_health(row).get("classes_said") == 1:
        return "the model says the same class of every image"
    if compute_binomial_tail(row["examples"] - row["clean_correct"], row["examples"], 1 - chance) < SURE:
        return "the model is wrong more often than by guessing: labels are shifted, or classes stand in another order"
    return "the model does no better than guessing: it was not trained, or on other images"


def check_erased_images_are_not_recognised(group: Group) -> Iterator[Verdict]:
    """A few steps with a budget at which any image can become grey leave nothing to see."""
    check = "erased images unseen"
    told = [(row, health) for row in group if (health := read_health(row)).get("erased_images", 0) >= ERASED_LEAST]
    if not told:
        yield report_not_tested(check, ATHALYE, group, f"{THIS_VERSION}, and {ERASED_LEAST} images seen rightly")
        return
    row, health = max(told, key=lambda found: float(found[1]["erased_correct"] / found[1]["erased_images"]))
    left, of = health["erased_correct"], health["erased_images"]
    masked = compute_binomial_tail(left, of, min(1.0, get_chance(row) + ERASED_SLACK)) < SURE
    figures = f"{left} of {of} images withstand five steps with a budget of 0.5"
    cause = "gradients lead nowhere: they are shattered or masked, or the model looks images up" if masked else ""
    yield Verdict(check, SUSPICIOUS if masked else OK, figures, ATHALYE, list_ids(*group), cause)


def check_a_step_beats_noise(group: Group) -> Iterator[Verdict]:
    """One step along the gradient fools more than noise of the same size."""
    check = "a step >= noise"
    told = [(row, health) for row in group if "noise_only" in (health := read_health(row))]
    if not told:
        yield report_not_tested(check, CARLINI, group, THIS_VERSION)
        return
    _, health = max(told, key=lambda found: int(found[1]["noise_only"] - found[1]["step_only"]))
    masked = compute_sign_test(health["noise_only"], health["step_only"]) < SURE
    figures = f"of {health['probe_images']} images noise alone fools {health['noise_only']}, one step alone {health['step_only']}"  # noqa: E501
    cause = "a step along the gradient is worse than a blind one: gradients are masked" if masked else ""
    yield Verdict(check, SUSPICIOUS if masked else OK, figures, CARLINI, list_ids(*group), cause)


def check_training_did_not_collapse(group: Group) -> Iterator[Verdict]:
    """A single step in training may be learnt by heart: accuracy on its examples rises, that under PGD is gone.

    Nothing is said where nobody has looked: training on attacks of many steps, and stages of earlier versions.
    """
    row = group[0]
    epoch, probed = row["catastrophic_overfitting_epoch"], row["robust_train_accuracy"]
    if epoch is not None:
        figures = f"robust accuracy fell in epoch {epoch} of training"
        cause = "training learnt its single step by heart, so that robustness against one step means nothing"
        yield Verdict("no catastrophic overfitting", SUSPICIOUS, figures, WONG, list_ids(*group), cause)
    elif probed is not None:
        figures = f"{probed:.1%} of probed training images withstand PGD"
        yield Verdict("no catastrophic overfitting", OK, figures, WONG, list_ids(*group))
