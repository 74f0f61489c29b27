"""What a model shows of itself, whatever the attack."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from orchestrator.results.checks.methods import read_method
from orchestrator.results.checks.verdict import (
    ATHALYE,
    CARLINI,
    CROCE,
    CROCE_ADAPTIVE,
    OK,
    PINTOR,
    SUSPICIOUS,
    UPPER_BOUND,
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
MISSED_SHARE = 0.1
"""Share of images whose margin noise may raise more than a step along the gradient does."""
SURE = 1e-3
"""Probabilities below it are no chance: each sweep makes hundreds of these comparisons."""
THIS_VERSION = "a stage of this version"


def read_health(row: Row) -> dict[str, Any]:
    """The counts that its stage noted; empty in rows of earlier versions."""
    found: dict[str, Any] = json.loads(row["health"]) if row["health"] else {}
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


def check_model_stays_the_same(group: Group) -> Iterator[Verdict]:
    """A model that adapts to what it is asked has other weights, or another batch, in every attack."""
    check = "model stays the same"
    told = [health for row in group if (health := read_health(row)).get("alone_images")]
    if not told:
        yield report_not_tested(check, CROCE_ADAPTIVE, group, THIS_VERSION)
        return
    health = told[0]
    differs = health["alone_differs"] if group[0]["deterministic"] else 0
    cause = ""
    if health["changed_tensors"]:
        cause = "an answer changes the model: it adapts at test time; attack it with its adaptation in the loop, and judge each image by a fresh copy"  # noqa: E501
    elif 2 * differs > health["alone_images"]:
        cause = "an answer depends on the images beside it: batch norm in training mode, or adaptation to the batch"
    figures = f"{health['changed_tensors']} weights and buffers changed by an answer, {differs} of {health['alone_images']} answers differ among fewer images, {health['training_modules']} layers in training mode"  # noqa: E501
    yield Verdict(check, SUSPICIOUS if cause else OK, figures, CROCE_ADAPTIVE, list_ids(*group), cause)


def check_answers_are_logits(group: Group) -> Iterator[Verdict]:
    """The loss of a softmax of a softmax fades, and a gradient through a gradient leads elsewhere."""
    check = "plain logits"
    told = [health for row in group if "dynamic" in (health := read_health(row))]
    if not told:
        yield report_not_tested(check, CROCE, group, THIS_VERSION)
        return
    cause, health = "", told[0]
    if health["dynamic"]:
        cause = "the model follows gradients of its own before it answers: attack the whole of what it does, and add an attack without gradients"  # noqa: E501
    elif health["probabilities"]:
        cause = "the model answers probabilities, of which losses take the softmax again: let it answer logits"
    figures = f"own gradients {'taken' if health['dynamic'] else 'not taken'}, answers {'' if health['probabilities'] else 'no '}probabilities"  # noqa: E501
    yield Verdict(check, SUSPICIOUS if cause else OK, figures, CROCE, list_ids(*group), cause)


def check_gradient_raises_the_loss(group: Group) -> Iterator[Verdict]:
    """A small step along the gradient raises the margin of nearly every image more than noise of its size."""
    check = "gradient raises the loss"
    told = [health for row in group if (health := read_health(row)).get("raised_images", 0) >= ERASED_LEAST]
    if not told or not group[0]["deterministic"]:
        needs = f"{THIS_VERSION}, {ERASED_LEAST} images seen rightly, and a model that answers twice alike"
        yield report_not_tested(check, PINTOR, group, needs)
        return
    health = min(told, key=lambda found: float(found["raised"] / found["raised_images"]))
    missed, of = health["raised_images"] - health["raised"], health["raised_images"]
    noisy = compute_binomial_tail(missed, of, MISSED_SHARE) < SURE
    behind = group[0]["transformations"]
    figures = f"of {of} images a small step raises the margin of {health['raised']} more than noise does"
    cause = "the gradient is noisy or not that of the answer: a loss that is not smooth, state, or a backward pass of another function"  # noqa: E501
    if behind:
        cause = "the gradient through the transformations is a poor stand-in: add an attack without gradients"
    verdict = (UPPER_BOUND if behind else SUSPICIOUS) if noisy else OK
    yield Verdict(check, verdict, figures, PINTOR, list_ids(*group), cause if noisy else "")


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
