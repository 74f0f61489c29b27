"""Learning rate schedules: by how much the optimizer's rate is multiplied at each step.

A factor is a function of the step alone, so that a stage that is continued has nothing to restore.
"""

from __future__ import annotations

import itertools
import math
from typing import Annotated, Literal

from pydantic import model_validator
from typing_extensions import Self

from tasks.part_names import ByName
from tasks.registry import Registry
from tasks.settings import Count, Number, Settings, keyed
from tasks.settings_rules import refuse


class ScheduleSettings(Settings):
    """Base of all schedules."""

    name: str = keyed()

    def compute_factor(self, step: int, steps_per_epoch: int, epochs: int) -> float:
        """The factor of the rate at a step, counted from 0 over all epochs."""
        raise NotImplementedError


class ConstantSettings(ScheduleSettings):
    """The learning rate of the optimizer, unchanged."""

    name: Literal["constant"] = keyed("constant")

    def compute_factor(self, step: int, steps_per_epoch: int, epochs: int) -> float:  # noqa: ARG002
        return 1.0


class CosineSettings(ScheduleSettings):
    """A linear rise over `warmup` of the steps, then half a cosine down to zero."""

    name: Literal["cosine"] = keyed("cosine")
    warmup: Number = keyed(0.0, ge=0, lt=1)

    def compute_factor(self, step: int, steps_per_epoch: int, epochs: int) -> float:
        total = steps_per_epoch * epochs
        share = step / max(1, total)
        if share < self.warmup:
            return (step + 1) / (self.warmup * total + 1)
        return 0.5 * (1 + math.cos(math.pi * (share - self.warmup) / (1 - self.warmup)))


class MultistepSettings(ScheduleSettings):
    """The rate is multiplied by `gamma` at each milestone."""

    name: Literal["multistep"] = keyed("multistep")
    milestones: tuple[Count, ...] = keyed(min_length=1)
    """Epochs, counted from 0, in ascending order."""
    gamma: Number = keyed(0.1, gt=0)

    @model_validator(mode="after")
    def _milestones_ascend(self) -> Self:
        if any(later <= earlier for earlier, later in itertools.pairwise(self.milestones)):
            refuse("milestones are epochs in ascending order", "milestones")
        return self

    def compute_factor(self, step: int, steps_per_epoch: int, epochs: int) -> float:  # noqa: ARG002
        epoch = step // steps_per_epoch
        passed: int = sum(epoch >= milestone for milestone in self.milestones)
        return float(self.gamma**passed)


class OneCycleSettings(ScheduleSettings):
    """Up and down again in straight lines, as in fast adversarial training (Smith and Topin 2019, arXiv 1708.07120;
    Wong et al. 2020, arXiv 2001.03994)."""

    name: Literal["one_cycle"] = keyed("one_cycle")
    peak: Number = keyed(0.4, gt=0, lt=1)
    """Share of the steps at which the rate is that of the optimizer."""
    start: Number = keyed(0.0, ge=0, le=1)
    end: Number = keyed(0.0, ge=0, le=1)
    """Factors before the first and after the last step."""

    def compute_factor(self, step: int, steps_per_epoch: int, epochs: int) -> float:
        share = _find_middle(step, steps_per_epoch * epochs)
        if share < self.peak:
            return self.start + (1 - self.start) * share / self.peak
        return self.end + (1 - self.end) * (1 - share) / (1 - self.peak)


class SlowStartFastDecaySettings(ScheduleSettings):
    """A slow rise and a fast decay, for adversarial fine-tuning of a trained model.

    Jeddi et al. 2020 (arXiv 2012.13628) name the strategy; its form here is ours: from `start` the factor rises with
    the square of the steps, so slowly at first, to 1 at `peak` of the steps, and then falls geometrically to `end`.
    """

    name: Literal["slow_start_fast_decay"] = keyed("slow_start_fast_decay")
    start: Number = keyed(0.1, gt=0, le=1)
    peak: Number = keyed(0.6, gt=0, lt=1)
    end: Number = keyed(0.01, gt=0, le=1)

    def compute_factor(self, step: int, steps_per_epoch: int, epochs: int) -> float:
        share = _find_middle(step, steps_per_epoch * epochs)
        if share < self.peak:
            return self.start + (1 - self.start) * (share / self.peak) ** 2
        return float(self.end ** ((share - self.peak) / (1 - self.peak)))


def _find_middle(step: int, total: int) -> float:
    """The middle of a step as a share of all: no step has the rate of either end, which may be zero."""
    return (step + 0.5) / max(1, total)


SCHEDULES: Registry[type[Settings]] = Registry(
    "schedule",
    {
        "constant": ConstantSettings,
        "cosine": CosineSettings,
        "multistep": MultistepSettings,
        "one_cycle": OneCycleSettings,
        "slow_start_fast_decay": SlowStartFastDecaySettings,
    },
    extensible=False,
)
Schedule = Annotated[ScheduleSettings, ByName(SCHEDULES)]
