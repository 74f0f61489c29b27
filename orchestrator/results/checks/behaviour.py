"""Whether a model's answers are its own, depend on the image alone and leave no trace, and follow their gradient."""

from __future__ import annotations

from collections.abc import Iterator

from orchestrator.results.checks.model import ERASED_LEAST, SURE, THIS_VERSION, read_health
from orchestrator.results.checks.verdict import (
    CROCE,
    CROCE_ADAPTIVE,
    OK,
    PINTOR,
    SUSPICIOUS,
    UPPER_BOUND,
    Group,
    Verdict,
    list_ids,
    report_not_tested,
)
from orchestrator.results.statistics import compute_binomial_tail

MISSED_SHARE = 0.1
"""Share of images whose margin noise may raise more than a step along the gradient does."""


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
    """A small step along the gradient raises the margin of nearly every image more than noise of its size.

    At eps 0 no gradient is followed, so that nothing is said of such a cell.
    """
    check, concerned = "gradient raises the loss", [row for row in group if row["attack_eps"] != 0]
    if not concerned:
        return
    told = [health for row in group if (health := read_health(row)).get("raised_images", 0) >= ERASED_LEAST]
    if not told or not group[0]["deterministic"]:
        needs = f"{THIS_VERSION}, {ERASED_LEAST} images seen rightly, and a model that answers twice alike"
        yield report_not_tested(check, PINTOR, concerned, needs)
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
    yield Verdict(check, verdict, figures, PINTOR, list_ids(*concerned), cause if noisy else "")
