"""What a search space says about standard training: nothing more than its name."""

from __future__ import annotations

from typing import Literal

from tasks.settings import keyed
from tasks.training.objectives.base import ObjectiveSettings


class StandardSettings(ObjectiveSettings):
    """Cross-entropy on the training images as they are."""

    build = "tasks.training.objectives.standard.objective:build_standard"

    name: Literal["standard"] = keyed("standard")


STANDARD = StandardSettings()


def make_standard(objective: ObjectiveSettings) -> StandardSettings:
    """Standard training in the place of an objective whose settings leave nothing else but what is on top of it."""
    return StandardSettings(awp=objective.awp, weight_averaging=objective.weight_averaging)
