"""CPUs and GPUs of a stage, by kind: what it is given changes how fast it is, never what it computes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from pydantic import ValidationError, field_validator

from tasks.errors import Problem, UsageError, list_choices
from tasks.kinds import KINDS, TRAINING_KINDS, Kind
from tasks.settings import Number, Settings, unkeyed
from tasks.settings_problems import describe_problems

SMALLEST = 0.01
"""The least share of a CPU or a GPU: a hundred stages side by side, each with a process of its own."""
AUTO = "auto"
"""In the place of GPUs, or of all resources: what there is decides."""


class Resources(Settings):
    """What one run of a stage holds while it runs."""

    cpus: Number = unkeyed(1.0, ge=SMALLEST)
    gpus: Number = unkeyed(0.0, ge=0)
    """A share below 1 packs several stages on one GPU, each with as large a share of its memory."""

    @field_validator("gpus")
    @classmethod
    def _check_gpus(cls, gpus: float) -> float:
        if 0 < gpus < SMALLEST:
            raise ValueError(f"should be 0 or at least {SMALLEST:g}")
        if gpus > 1:
            raise ValueError("should be at most 1: a stage computes on one GPU, and would leave the others idle")
        return gpus

    def with_whole_gpu(self) -> Resources:
        """The same with a GPU that nobody shares."""
        return Resources(cpus=self.cpus, gpus=1.0)

    @property
    def threads(self) -> int:
        """torch threads: one per whole CPU."""
        return max(1, int(self.cpus))


@dataclass(frozen=True)
class ResourceTable:
    """The resources of every kind of stage; what is not named gets the default."""

    by_kind: Mapping[Kind, Resources] = field(default_factory=dict)
    default: Resources = field(default_factory=Resources)
    automatic: frozenset[Kind] = frozenset(KINDS)
    """The kinds for which nobody has said how many GPUs they get; none, until it is known what there is."""
    training: frozenset[Kind] = frozenset(TRAINING_KINDS)
    """The kinds that run epochs in this space: pruning may, while its scores are learned or its ratio grows."""

    def of(self, kind: Kind) -> Resources:
        """What one run of this kind holds."""
        return self.by_kind.get(kind, self.default)

    def with_default(self, cpus: float | None, gpus: float | None) -> ResourceTable:
        """The table with other defaults, as given on the command line.

        :param cpus: of every kind that is not named; null: as it is.
        :param gpus: of every kind for which nothing is said of GPUs; null: as it is.
        :raises UsageError: a value is negative, or there are more GPUs than one.
        """
        try:
            default = Resources(
                cpus=self.default.cpus if cpus is None else cpus, gpus=self.default.gpus if gpus is None else gpus
            )
        except ValidationError as error:
            problem = describe_problems(error, Resources, "")[0]
            raise UsageError(f"--{problem.path}-per-trial {problem.value:g}: {problem.message}") from error
        changed = replace(self, default=default)
        return changed if gpus is None else changed.with_gpus(dict.fromkeys(self.automatic, gpus))

    def with_gpus(self, shares: Mapping[Kind, float]) -> ResourceTable:
        """The table in which these kinds hold these shares of a GPU, because somebody or something has said so."""
        changed = {kind: Resources(cpus=self.of(kind).cpus, gpus=share) for kind, share in shares.items()}
        return replace(self, by_kind={**self.by_kind, **changed}, automatic=self.automatic - shares.keys())

    @classmethod
    def parse(cls, raw: Any) -> tuple[ResourceTable, list[Problem]]:
        """The `resources` section of a space: `auto`, or `{train: {gpus: 1}, attack: {gpus: 0.25}}`."""
        if raw is None or raw == AUTO:
            return cls(), []
        if not isinstance(raw, dict):
            return cls(), [Problem("resources", raw, f"is neither a mapping of stage kinds nor {AUTO!r}")]
        table: dict[Kind, Resources] = {}
        said: set[Kind] = set()
        found: list[Problem] = []
        for kind, value in raw.items():
            if kind not in KINDS:
                found.append(Problem(f"resources.{kind}", value, f"unknown kind of stage; {list_choices(KINDS, kind)}"))
                continue
            asked = _drop_automatic(value)
            try:
                table[kind] = Resources.model_validate(asked)
            except ValidationError as error:
                found += describe_problems(error, Resources, f"resources.{kind}")
                continue
            if "gpus" in asked:
                said.add(kind)
        return cls(table, automatic=frozenset(KINDS) - said), found


def _drop_automatic(value: Any) -> Any:
    """What is written for a kind, without what is left to what there is."""
    if value == AUTO:
        return {}
    if isinstance(value, dict) and value.get("gpus") == AUTO:
        return {name: entry for name, entry in value.items() if name != "gpus"}
    return value
