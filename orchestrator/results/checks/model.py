"""What a model shows of itself, whatever the attack."""

from __future__ import annotations

from collections.abc import Iterator

from orchestrator.results.checks.verdict import (
    ATHALYE,
    CROCE,
    OK,
    SUSPICIOUS,
    WONG,
    Group,
    Verdict,
    list_ids,
    report_not_tested,
)

ZERO_SHARE = 0.1
"""Share of images without a gradient that is taken as masking."""


def check_gradients_are_present(group: Group) -> Iterator[Verdict]:
    """Gradients that are zero, missing or not finite lead an attack nowhere."""
    row = group[0]
    looked, zero = row["gradient_images"], row["zero_gradients"]
    if not looked:
        yield report_not_tested("gradients present", ATHALYE, group, "a stage of this version")
        return
    verdict = OK if zero <= ZERO_SHARE * looked else SUSPICIOUS
    yield Verdict("gradients present", verdict, f"{zero} of {looked} gradients are zero", ATHALYE, list_ids(*group))


def check_answers_repeat(group: Group) -> Iterator[Verdict]:
    """A model that answers at random takes attacks that average over its answers."""
    value = group[0]["deterministic"]
    if value is None:
        yield report_not_tested("deterministic", CROCE, group, "a stage of this version")
        return
    figures = "two passes agree" if value else "two passes over the same images differ"
    yield Verdict("deterministic", OK if value else SUSPICIOUS, figures, CROCE, list_ids(*group))


def check_training_did_not_collapse(group: Group) -> Iterator[Verdict]:
    """A single step in training may be learnt by heart: accuracy on its examples rises, that under PGD is gone.

    Nothing is said where nobody has looked: training on attacks of many steps, and stages of earlier versions.
    """
    row = group[0]
    epoch, probed = row["catastrophic_overfitting_epoch"], row["robust_train_accuracy"]
    if epoch is not None:
        figures = f"robust accuracy fell in epoch {epoch} of training"
        yield Verdict("no catastrophic overfitting", SUSPICIOUS, figures, WONG, list_ids(*group))
    elif probed is not None:
        figures = f"{probed:.1%} of probed training images withstand PGD"
        yield Verdict("no catastrophic overfitting", OK, figures, WONG, list_ids(*group))
