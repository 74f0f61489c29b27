"""What a search space says about ensemble adversarial training."""

from __future__ import annotations

from typing import Literal

from pydantic import model_validator
from typing_extensions import Self

from tasks.attacks.base import MethodSettings
from tasks.attacks.registry import Methods
from tasks.errors import list_choices
from tasks.settings import Number, Settings, keyed
from tasks.settings_rules import refuse
from tasks.training.objectives.base import ObjectiveSettings
from tasks.training.objectives.registry import OBJECTIVES, NamedObjective
from tasks.training.objectives.standard.settings import STANDARD
from tasks.training.surrogate import SurrogateSettings


class StaticExamplesSettings(Settings):
    """Part of each batch is examples made against static models (Tramer et al. 2018, arXiv 1705.07204)."""

    share: Number = keyed(0.5, gt=0, le=1)
    """Share of each batch that is replaced by examples; these are made against one model, drawn for each batch."""
    attack: Methods = keyed()
    """One attack, or a list of which one is drawn for each batch."""
    surrogates: tuple[SurrogateSettings, ...] = keyed(min_length=1)
    include_self: bool = keyed(False)
    """Whether the model in training is one of the models drawn from."""

    @property
    def attacks(self) -> tuple[MethodSettings, ...]:
        """Those that the attack of a batch is drawn from."""
        return self.attack if isinstance(self.attack, tuple) else (self.attack,)


class EnsembleSettings(StaticExamplesSettings, ObjectiveSettings):
    """Ensemble adversarial training: another objective, on batches with examples against static models."""

    build = "tasks.training.objectives.ensemble.objective:build_ensemble"

    name: Literal["ensemble"] = keyed("ensemble")
    inner: NamedObjective = keyed(STANDARD)
    """What is minimised on these batches."""

    @classmethod
    def of(cls, static: StaticExamplesSettings, inner: ObjectiveSettings) -> EnsembleSettings:
        """The objective of a section that says both, each in its own place."""
        fields = {name: getattr(static, name) for name in StaticExamplesSettings.model_fields}
        return cls.model_construct(name="ensemble", inner=inner, **fields)

    @model_validator(mode="after")
    def _inner_takes_such_batches(self) -> Self:
        if not self.inner.can_be_inner or self.inner.conditioning:
            known = [name for name in OBJECTIVES if OBJECTIVES.load(name).can_be_inner]
            text = f"{self.inner.name} cannot stand in `ensemble`: it trains a network that takes lambda"
            refuse(f"{text}; {list_choices(known, self.inner.name)}", "inner.name")
        return self

    @model_validator(mode="after")
    def _extras_stand_outside(self) -> Self:
        if self.inner.has_extras:
            refuse(
                "`awp` and `weight_averaging` stand beside `inner`, not in it", "inner.awp", "inner.weight_averaging"
            )
        return self

    @property
    def adversarial_share(self) -> float | None:
        return self.inner.adversarial_share

    @property
    def training_attack(self) -> MethodSettings | None:
        return self.inner.training_attack

    @property
    def trained_budget(self) -> float | None:
        return self.inner.trained_budget

    @property
    def can_pause(self) -> bool:
        return self.inner.can_pause

    @property
    def required_models(self) -> tuple[Settings, ...]:
        return (*self.surrogates, *self.inner.required_models)

    @property
    def image_limit(self) -> int | None:
        return self.inner.image_limit

    @property
    def steps_per_batch(self) -> int:
        return self.inner.steps_per_batch

    @property
    def expected_passes(self) -> float:
        made = sum(attack.expected_passes for attack in self.attacks) / len(self.attacks)
        return self.share * made + self.inner.expected_passes

    def simplify(self) -> ObjectiveSettings:
        """The inner objective where the examples have no budget: they are images as they are."""
        inner = self.inner.simplify()
        if all(attack.eps == 0 for attack in self.attacks):
            return inner.model_copy(update={"awp": self.awp, "weight_averaging": self.weight_averaging})
        surrogates = tuple(surrogate.simplify() for surrogate in self.surrogates)
        attack = self.attack if len(self.attacks) > 1 else self.attacks[0]
        return self.model_copy(update={"surrogates": surrogates, "inner": inner, "attack": attack})
