"""How long stages take: work counted from the settings, speed taken from the seconds of earlier artifacts."""

from __future__ import annotations

import statistics
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from orchestrator.plan.plan import Plan
from tasks.data.source import Inspection, count_training_images
from tasks.evaluation.settings import AttackSettings
from tasks.generators.base import GeneratorSettings
from tasks.trial.chain import Stage
from tasks.trial.trial import find_training

Group = tuple[str, str, str]
"""Kind of stage, model, data set: stages of one group have one speed."""
Likeness = tuple[str, ...]
"""A group, and the attack or the objective: of stages of one likeness the work says which takes how much longer."""
LEAST_WORK = 0.01
COMPARABLE = 4.0
"""Nothing is concluded from a stage about one of more than so many times its work."""


def group(stage: Stage) -> Group:
    """The group whose speed a stage shares."""
    return (stage.kind, stage.model.name, stage.dataset.name)


def find_likeness(stage: Stage) -> Likeness:
    """What a stage shares with those whose times say how long it takes."""
    settings, training = stage.settings, find_training(stage.settings)
    attack = settings.method.name if isinstance(settings, AttackSettings) else ""
    return (*group(stage), training.chosen_objective.label if training else attack)


def predict_seconds(work: float, samples: Iterable[tuple[float, float]]) -> float | None:
    """The expected seconds of a stage, by those of its likeness; null where none of them is comparable.

    :param work: of the stage.
    :param samples: the work and the seconds of each of the others.
    """
    rates = [seconds / done for done, seconds in samples if done * COMPARABLE >= work]
    return work * statistics.median(rates) if rates else None


def estimate_work(stage: Stage, data: Inspection) -> float:
    """Thousands of image passes, a backward pass counted as two."""
    settings = stage.settings
    if isinstance(settings, AttackSettings):
        images = min(settings.examples or data.test_images, data.test_images)
        return max(LEAST_WORK, (1 + settings.method.expected_passes) * settings.looks * images / 1000)
    if isinstance(settings, GeneratorSettings):
        images = count_training_images(stage.dataset, data)
        epochs = 0 if settings.weights else settings.epochs
        return max(LEAST_WORK, epochs * settings.passes * images / 1000)
    training = find_training(settings)
    if training is not None:
        objective = training.chosen_objective
        limit, trained = objective.image_limit, count_training_images(stage.dataset, data)
        images = trained if limit is None else min(limit, trained)
        return max(LEAST_WORK, training.epochs * objective.total_passes * images / 1000)
    return LEAST_WORK


@dataclass(frozen=True)
class Speeds:
    """Seconds per unit of work, from what ran before."""

    by_group: Mapping[Group, float]
    by_kind: Mapping[str, float]
    samples: Mapping[Likeness, Sequence[tuple[float, float]]] = field(default_factory=dict)
    """The work and the seconds of every stage that was timed."""

    @property
    def known(self) -> bool:
        """Whether anything was ever timed."""
        return bool(self.by_kind)

    def seconds(self, stage: Stage, data: Inspection) -> float:
        """The expected duration of a stage; in units of work where nothing was ever timed."""
        rate = self.by_group.get(group(stage)) or self.by_kind.get(stage.kind)
        return estimate_work(stage, data) * (rate or statistics.median(self.by_kind.values() or [1.0]))

    def forecast(self, stage: Stage, data: Inspection) -> float | None:
        """The expected duration of a stage; null where nothing comparable was ever timed."""
        return predict_seconds(estimate_work(stage, data), self.samples.get(find_likeness(stage), ()))

    @classmethod
    def measured(cls, plan: Plan, records: Mapping[str, Mapping[str, Any]]) -> Speeds:
        """Medians over the recorded stages of this plan."""
        rates: dict[Group, list[float]] = defaultdict(list)
        samples: dict[Likeness, list[tuple[float, float]]] = defaultdict(list)
        for key, record in records.items():
            stage = plan.stages.get(key)
            if stage is not None:
                work = estimate_work(stage, plan.data[stage.dataset])
                rates[group(stage)].append(record["seconds"] / work)
                samples[find_likeness(stage)].append((work, record["seconds"]))
        kinds: dict[str, list[float]] = defaultdict(list)
        for (kind, _, _), values in rates.items():
            kinds[kind] += values
        return cls(
            {key: statistics.median(values) for key, values in rates.items()},
            {key: statistics.median(values) for key, values in kinds.items()},
            samples,
        )
