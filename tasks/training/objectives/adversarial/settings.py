"""What a search space says about adversarial training."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import model_validator
from typing_extensions import Self

from tasks.attacks.base import MethodSettings
from tasks.attacks.registry import Method
from tasks.settings import Count, Number, Settings, keyed
from tasks.settings_rules import refuse
from tasks.training.objectives.base import STEP_PASSES, ObjectiveSettings
from tasks.training.objectives.standard.settings import make_standard


class MixedLossSettings(Settings):
    """(1 - lambda) L_clean + lambda L_adv, the examples made on the fly or once before the first epoch.

    Goodfellow et al. 2015 (arXiv 1412.6572) for the mixed loss, Madry et al. 2018 (arXiv 1706.06083) for the examples.
    """

    weight: Number = keyed(alias="lambda", ge=0, le=1)
    """Share of the adversarial loss."""
    attack: Method | None = keyed(None)
    """How the examples are made; null only where lambda is 0."""
    fixed_examples: Count | None = keyed(None, ge=1)
    """Train on so many training images alone, chosen by the seed; their examples are made once, against the model as it
    is before the first epoch. null: on all, with new examples for each batch."""

    @model_validator(mode="after")
    def _examples_need_an_attack(self) -> Self:
        if self.weight > 0 and self.attack is None:
            refuse("lambda above 0 needs `attack`: how the examples are made", "lambda")
        return self

    def without_empty_attack(self) -> Self:
        """Where no examples are made, how they are made cannot matter."""
        if self.weight == 0 or self.attack is None or self.attack.eps == 0:
            changes: dict[str, Any] = {"weight": 0.0, "attack": None}
            return self.model_copy(update=changes)
        return self


class AdversarialSettings(MixedLossSettings, ObjectiveSettings):
    """Adversarial training; with lambda 1 on examples alone.

    Between lambda 0 and 1 a step runs the model twice in training mode, on the clean images and then on their examples,
    so that running statistics of batch norm are updated twice a step, from both; examples are made in evaluation mode,
    which updates nothing.
    """

    build = "tasks.training.objectives.adversarial.objective:build_adversarial"

    name: Literal["adversarial"] = keyed("adversarial")

    @classmethod
    def of(cls, mixed: MixedLossSettings) -> AdversarialSettings:
        """The objective of a section in which these settings stand among others."""
        fields = {name: getattr(mixed, name) for name in MixedLossSettings.model_fields}
        return cls.model_construct(name="adversarial", **fields)

    @property
    def label(self) -> str:
        return super().label if self.weight else make_standard(self).label

    @property
    def adversarial_share(self) -> float:
        return self.weight

    @property
    def training_attack(self) -> MethodSettings | None:
        return self.attack

    @property
    def image_limit(self) -> int | None:
        return self.fixed_examples

    @property
    def expected_passes(self) -> float:
        if self.attack is None:
            return STEP_PASSES
        return self.attack.expected_passes + STEP_PASSES * ((self.weight < 1) + (self.weight > 0))

    def simplify(self) -> ObjectiveSettings:
        """Standard training where no examples are made and no images are chosen."""
        found = self.without_empty_attack()
        return found if found.weight or found.fixed_examples else make_standard(self)
