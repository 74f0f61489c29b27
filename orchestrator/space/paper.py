"""The numbers and claims of a paper that a space may carry."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

from pydantic import ValidationError, model_validator
from pydantic_core import PydanticCustomError

from orchestrator.space.matching import find_match_problems
from tasks.errors import Problem, limit_problems
from tasks.settings import Number, Settings, unkeyed
from tasks.settings_problems import describe_problems

Measure = Literal["clean_accuracy", "robust_accuracy"]


class ReportedNumber(Settings):
    """An entry of `reference`: what a paper measured on the trials that match."""

    match: dict[str, Any] = unkeyed()
    clean_accuracy: Number | None = unkeyed(None, ge=0, le=1)
    robust_accuracy: Number | None = unkeyed(None, ge=0, le=1)
    source: str = unkeyed("")
    """Where in the paper."""

    @model_validator(mode="after")
    def _says_something(self) -> ReportedNumber:
        if self.clean_accuracy is None and self.robust_accuracy is None:
            raise PydanticCustomError("empty", "has neither clean_accuracy nor robust_accuracy")
        return self


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
