"""The finished trials of one data set, arranged as a reader asks about them: models, attacks, and where both meet."""

from __future__ import annotations

import json
import statistics
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from orchestrator.results.headline import choose_budget, get_budget
from orchestrator.results.tradeoff import format_setting
from tasks.keys import hash_json
from tasks.training.objectives.standard.settings import STANDARD
from tasks.trial.row import Row

LABELS = {
    "pruning_ratio": "pruning ratio",
    "eps_train": "eps_train",
    "train_attack": "training attack",
    "train_steps": "training attack steps",
    "attack_eps": "eps",
    "attack_steps": "iterations",
    "attack_norm": "norm",
    "attack_surrogate": "surrogate",
    "attack.examples": "images",
}
STAGE_NAMES = {
    "train": "training",
    "prune": "pruning",
    "finetune": "fine-tuning",
    "adversarial_finetune": "adversarial fine-tuning",
    "condition": "choice of lambda",
    "generator": "generator",
    "attack": "attack",
}
"""Kinds of stages in words."""
TUNING = ("lambda", "train_attack", "eps_train", "train_steps")
"""Columns that are null where a trial has no adversarial fine-tuning."""


@dataclass(frozen=True)
class Axis:
    """Something along which trials differ: a column of the trials table, or a setting by its dotted path."""

    name: str

    @property
    def label(self) -> str:
        """What people call it."""
        return LABELS.get(self.name, self.name)

    @property
    def of_attack(self) -> bool:
        """Whether it says how a model is attacked, not how it is made."""
        return self.name.startswith("attack")

    def format_value(self, value: Any) -> str:
        """A value for people; `none` where a trial lacks the setting."""
        return "none" if value is None else format_setting(self.name, value)


@dataclass(frozen=True)
class Threat:
    """One way to attack: everything in the section `attack` that can change the outcome."""

    key: str
    label: str
    row: Row
    """Any of the trials that are attacked so."""

    @property
    def family(self) -> tuple[str, ...]:
        """Attacks of one family differ in budget and iterations alone."""
        row = self.row
        section = {k: v for k, v in json.loads(row["config"])["attack"].items() if k not in ATTACK_LADDER}
        return (row["attack"], row["attack_norm"] or "", hash_json(section)[:8])

    @property
    def eps(self) -> float | None:
        """The budget; null where there is no bound."""
        value: float | None = self.row["attack_eps"]
        return value

    @property
    def steps(self) -> int:
        """Iterations."""
        return int(self.row["attack_steps"] or 0)


ATTACK_LADDER = ("eps", "steps", "step_size", "batch_size")
"""Settings of an attack that change along a security curve."""


@dataclass(frozen=True)
class Configuration:
    """One way to make a model: everything but the seed and the attack."""

    key: str
    label: str
    values: Mapping[str, Any]
    """Axis -> value, for the axes that do not belong to the attack."""
    row: Row
    """Any of its trials."""


@dataclass(frozen=True)
class Measured:
    """All seeds of one configuration under one attack."""

    configuration: Configuration
    threat: Threat
    rows: tuple[Row, ...]

    @property
    def clean(self) -> tuple[float, ...]:
        """Clean accuracy of each seed."""
        return tuple(row["clean_accuracy"] for row in self.rows)

    @property
    def robust(self) -> tuple[float, ...]:
        """Robust accuracy of each seed."""
        return tuple(row["robust_accuracy"] for row in self.rows)

    @cached_property
    def mean(self) -> tuple[float, float]:
        """Mean clean and robust accuracy."""
        return statistics.fmean(self.clean), statistics.fmean(self.robust)


@dataclass(frozen=True)
class Study:
    """The finished trials of one data set."""

    dataset: str
    rows: tuple[Row, ...]
    axes: tuple[Axis, ...]
    values: Mapping[str, Mapping[str, Any]]
    """Trial id -> axis -> value."""
    configurations: tuple[Configuration, ...]
    threats: tuple[Threat, ...]
    measured: Mapping[tuple[str, str], Measured]
    """Keys of configuration and threat -> what was measured."""
    worst: Threat | None = None
    """Every attack of the headline budget together, where together they leave less than each."""
    certificates: tuple[Row, ...] = ()
    """Rows with a lower bound of robust accuracy, which stand among no others."""

    @property
    def training_axes(self) -> list[Axis]:
        """Axes that say how a model is made."""
        return [axis for axis in self.axes if not axis.of_attack]

    @property
    def chance(self) -> float:
        """Accuracy of guessing."""
        return 1 / (self.rows[0]["classes"] or 10)

    def under(self, threat: Threat) -> list[Measured]:
        """Every configuration under one attack."""
        found = (self.measured.get((configuration.key, threat.key)) for configuration in self.configurations)
        return [entry for entry in found if entry]

    @cached_property
    def headline(self) -> Threat:
        """What the answers speak of: the budget by `headline.RULE`, and there the worst case over its attacks; where
        one attack leaves no more than all together, that attack.
        """
        return self.worst or self.strongest

    @property
    def images(self) -> str:
        """How many images of a seed the headline is of; `20 to 30` where that differs."""
        counts = sorted({row["examples"] for entry in self.under(self.headline) for row in entry.rows})
        return f"{counts[0]} to {counts[-1]}" if len(counts) > 1 else str(counts[0])

    @cached_property
    def strongest(self) -> Threat:
        """The attack that leaves least at the headline budget, of those that most models met."""
        budget = choose_budget(self.rows)
        alone = [threat for threat in self.threats if threat is not self.worst]
        found = [threat for threat in alone if get_budget(threat.row) == budget] or alone
        most = max(len(self.under(threat)) for threat in found)
        found = [threat for threat in found if len(self.under(threat)) == most]
        return min(found, key=lambda threat: (self._measure_left(threat), -threat.steps, threat.row["attack"]))

    def _measure_left(self, threat: Threat) -> float:
        return statistics.fmean(entry.mean[1] for entry in self.under(threat))


def is_defended(row: Row) -> bool:
    """Whether any stage of the training minimised more than plain cross-entropy."""
    return row["objective"] not in (None, STANDARD.label)
