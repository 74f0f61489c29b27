"""The numbers and claims of a paper that a space may carry."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any, Literal, get_args

from pydantic import ValidationError, model_validator

from orchestrator.space.matching import find_match_problems
from tasks.errors import Problem, limit_problems
from tasks.settings import Count, Number, Settings, unkeyed
from tasks.settings_problems import describe_problems
from tasks.settings_rules import refuse

Measure = Literal["clean_accuracy", "robust_accuracy"]
IMAGE_MEASURES = ("clean_confidence", "adversarial_confidence")
"""Means over the attacked images; columns of `schema.EXAMPLES`."""
EPOCH_MEASURES = ("train_loss", "train_accuracy", "validation_loss", "validation_accuracy")
"""Of one epoch of one stage; columns of `schema.HISTORY`."""


class ReportedNumber(Settings):
    """An entry of `reference`: what a paper measured on the trials that match."""

    match: dict[str, Any] = unkeyed()
    clean_accuracy: Number | None = unkeyed(None, ge=0, le=1)
    robust_accuracy: Number | None = unkeyed(None, ge=0, le=1)
    clean_confidence: Number | None = unkeyed(None, ge=0, le=1)
    """Mean softmax of the predicted class, of the clean images."""
    adversarial_confidence: Number | None = unkeyed(None, ge=0, le=1)
    stage: Literal["train", "finetune", "adversarial_finetune"] | None = unkeyed(None)
    """The stage whose epoch the losses and accuracies below are of."""
    epoch: Count | None = unkeyed(None, ge=1)
    """From 1."""
    train_loss: Number | None = unkeyed(None, ge=0)
    train_accuracy: Number | None = unkeyed(None, ge=0, le=1)
    validation_loss: Number | None = unkeyed(None, ge=0)
    validation_accuracy: Number | None = unkeyed(None, ge=0, le=1)
    source: str = unkeyed("")
    """Where in the paper."""

    @model_validator(mode="after")
    def _says_something(self) -> ReportedNumber:
        measures = (*get_args(Measure), *IMAGE_MEASURES, *EPOCH_MEASURES)
        if not list(self.list_numbers(measures)):
            refuse("has no number: " + ", ".join(measures))
        of_epoch = bool(list(self.list_numbers(EPOCH_MEASURES)))
        if of_epoch != (self.stage is not None) or of_epoch != (self.epoch is not None):
            refuse(
                f"stage, epoch and one of {', '.join(EPOCH_MEASURES)} go together", "stage", "epoch", *EPOCH_MEASURES
            )
        return self

    def list_numbers(self, measures: Iterable[str]) -> Iterator[tuple[str, float]]:
        """Those of the measures that the paper has, with their numbers."""
        for measure in measures:
            if (value := getattr(self, measure)) is not None:
                yield measure, value


class Claim(Settings):
    """An entry of `claims`: the order in which a paper found two groups of trials."""

    says: str = unkeyed()
    of: Measure = unkeyed()
    higher: dict[str, Any] = unkeyed()
    """Trials that the paper found above the `lower` ones."""
    lower: dict[str, Any] = unkeyed()


@dataclass(frozen=True)
class Paper:
    """The `reference` and the `claims` of a space."""

    numbers: tuple[ReportedNumber, ...] = ()
    claims: tuple[Claim, ...] = ()

    def __bool__(self) -> bool:
        return bool(self.numbers or self.claims)


def read_paper(content: dict[str, Any]) -> tuple[Paper, list[Problem]]:
    """What the paper of a space reports, and every mistake in it."""
    numbers, number_problems = _read_entries(content, "reference", ReportedNumber)
    claims, claim_problems = _read_entries(content, "claims", Claim)
    found = [*number_problems, *claim_problems]
    for place, number in enumerate(numbers):
        found += limit_problems(find_match_problems(number.match, f"reference.{place}.match"))
    for place, claim in enumerate(claims):
        for side in ("higher", "lower"):
            found += limit_problems(find_match_problems(getattr(claim, side), f"claims.{place}.{side}"))
    return Paper(tuple(numbers), tuple(claims)), found


def _read_entries(content: dict[str, Any], name: str, cls: type[Any]) -> tuple[list[Any], list[Problem]]:
    raw = content.get(name)
    if raw is None:
        return [], []
    if not isinstance(raw, list):
        return [], [Problem(name, raw, "is not a list of mappings")]
    entries, found = [], []
    for place, entry in enumerate(raw):
        try:
            entries.append(cls.model_validate(entry))
        except ValidationError as error:
            found += describe_problems(error, cls, f"{name}.{place}")
    return entries, found
