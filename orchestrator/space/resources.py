"""CPUs and GPUs of a stage, by kind: what it is given changes how fast it is, never what it computes."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from pydantic import ValidationError, field_validator

from tasks.errors import Problem, UsageError, list_choices
from tasks.kinds import KINDS, Kind
from tasks.settings import Number, Settings, unkeyed
from tasks.settings_problems import describe_problems

SMALLEST = 0.01
"""The least share of a CPU or a GPU: a hundred stages side by side, each with a process of its own."""


class Resources(Settings):
    """What one run of a stage holds while it runs."""

    cpus: Number = unkeyed(1.0, ge=SMALLEST)
    gpus: Number = unkeyed(0.0, ge=0)
    """A share below 1 packs several stages on one GPU; memory is not limited by it."""

    @field_validator("gpus")
    @classmethod
    def _check_gpus(cls, gpus: float) -> float:
        if 0 < gpus < SMALLEST:
            raise ValueError(f"should be 0 or at least {SMALLEST:g}")
        if gpus > 1 and gpus != int(gpus):
            raise ValueError("should be a share of one GPU, or whole GPUs: Ray knows nothing between")
        return gpus

    @property
    def threads(self) -> int:
        """torch threads: one per whole CPU."""
        return max(1, int(self.cpus))


@dataclass(frozen=True)
class ResourceTable:
    """The resources of every kind of stage; what is not named gets the default."""

    by_kind: dict[Kind, Resources] = field(default_factory=dict)
    default: Resources = field(default_factory=Resources)

    def of(self, kind: Kind) -> Resources:
        """What one run of this kind holds."""
        return self.by_kind.get(kind, self.default)

    def with_default(self, cpus: float | None, gpus: float | None) -> ResourceTable:
        """The table with other defaults, as given on the command line.

        :raises UsageError: a value is negative.
        """
        try:
            default = Resources(
                cpus=self.default.cpus if cpus is None else cpus, gpus=self.default.gpus if gpus is None else gpus
            )
        except ValidationError as error:
            raise UsageError(str(describe_problems(error, Resources, "resources")[0])) from error
        return ResourceTable(self.by_kind, default)

    @classmethod
    def parse(cls, raw: Any) -> tuple[ResourceTable, list[Problem]]:
        """The `resources` section of a space: `{train: {gpus: 1}, attack: {gpus: 0.25}}`."""
        if raw is None:
            return cls(), []
        if not isinstance(raw, dict):
            return cls(), [Problem("resources", raw, "is not a mapping of stage kinds")]
        table: dict[Kind, Resources] = {}
        found: list[Problem] = []
        for kind, value in raw.items():
            if kind not in KINDS:
                found.append(Problem(f"resources.{kind}", value, f"unknown kind of stage; {list_choices(KINDS, kind)}"))
                continue
            try:
                table[kind] = Resources.model_validate(value)
            except ValidationError as error:
                found += describe_problems(error, Resources, f"resources.{kind}")
        return cls(table), found
