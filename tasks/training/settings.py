"""What a search space says about training, fine-tuning and adversarial fine-tuning."""

from __future__ import annotations

from functools import cached_property
from typing import Any, Literal

from pydantic import model_validator
from typing_extensions import Self

from tasks.attacks.registry import Method
from tasks.errors import Problem
from tasks.settings import Number, Settings, added, keyed, unkeyed
from tasks.settings_rules import refuse
from tasks.training.basic import BasicSettings
from tasks.training.objectives.adversarial.settings import AdversarialSettings, MixedLossSettings
from tasks.training.objectives.base import ObjectiveSettings, resolve_attacks
from tasks.training.objectives.ensemble.settings import EnsembleSettings, StaticExamplesSettings
from tasks.training.objectives.registry import NamedObjective
from tasks.training.objectives.standard.settings import STANDARD
from tasks.training.surrogate import HardeningSettings

Keep = Literal["last", "best_accuracy", "best_loss", "best_robust_accuracy"]


class TrainSettings(BasicSettings):
    """Training: standard, with examples against static models, or with any objective by its name."""

    ensemble: StaticExamplesSettings | None = keyed(None)
    """null: training images as they are."""
    objective: NamedObjective | None = added(None)
    """What a step minimises, by its name; null: cross-entropy, or what the settings beside it say."""
    validation_attack: Method | None = keyed(None)
    """A cheap attack on the validation part after each epoch: robust validation accuracy in the history, and a
    warning of catastrophic overfitting. A few steps show what a single-step attack hides. null: none."""
    checkpoint_every: Number = unkeyed(300.0, gt=0)
    """Seconds after which a checkpoint is written in the middle of an epoch; there is one after every epoch too. A
    stage that is broken off goes on from the last one. Free adversarial training has them after epochs alone."""
    keep: Keep = keyed("last")
    """The weights that the stage publishes: of the last epoch, or of the epoch that was best on the validation part."""

    @model_validator(mode="after")
    def _one_objective(self) -> Self:
        written = [name for name in self._list_written_objectives() if name != "objective"]
        if self.objective and written:
            text = f"`objective` and {', '.join(f'`{name}`' for name in written)}: write one or the other"
            refuse(text, *written, "objective.name")
        return self

    def _list_written_objectives(self) -> list[str]:
        """Fields that say what a step minimises."""
        return [name for name in ("ensemble", "objective") if getattr(self, name) is not None]

    @cached_property
    def chosen_objective(self) -> ObjectiveSettings:
        """What a step minimises, wherever the section says it."""
        if self.objective:
            return self.objective
        return EnsembleSettings.of(self.ensemble, self._inner_objective) if self.ensemble else self._inner_objective

    @property
    def _inner_objective(self) -> ObjectiveSettings:
        """What is minimised where there are no examples against static models, or on batches that hold such."""
        return STANDARD

    def simplify(self) -> Self | None:
        """Null where nothing would be trained; an objective stands where it has always been written, if it has been."""
        if not self.epochs:
            return None
        fields = self._write_objective(resolve_attacks(self.chosen_objective.simplify()))
        attack = self.validation_attack and self.validation_attack.resolve_for_evaluation()
        return self.model_copy(update=fields | {"validation_attack": attack})

    def _write_objective(self, objective: ObjectiveSettings) -> dict[str, Any]:
        """The fields that say an objective."""
        fields: dict[str, Any] = {"objective": None, "ensemble": None, **(self._write_inner_objective(STANDARD) or {})}
        if objective.has_extras:
            return fields | {"objective": objective}
        ensemble = objective if isinstance(objective, EnsembleSettings) else None
        inner = self._write_inner_objective(ensemble.inner if ensemble else objective)
        if inner is None:
            return fields | {"objective": objective}
        if ensemble:
            names = StaticExamplesSettings.model_fields
            fields["ensemble"] = StaticExamplesSettings.model_construct(**{n: getattr(ensemble, n) for n in names})
        return fields | inner

    def _write_inner_objective(self, objective: ObjectiveSettings) -> dict[str, Any] | None:
        """The same for the inner objective; null where only `objective` can say it."""
        return {} if objective == STANDARD else None

    @property
    def can_pause(self) -> bool:
        """Whether a checkpoint in the middle of an epoch holds all that the rest of the run depends on."""
        return self.chosen_objective.can_pause

    @property
    def surrogates(self) -> tuple[Settings, ...]:
        """The other models that this training needs, as `SurrogateSettings`."""
        return self.chosen_objective.required_models

    def find_validation_problem(self, share: float, place: str) -> Problem | None:
        """What stands against these settings where so much of the training split is held out for validation.

        :param place: of these settings in the file.
        """
        if self.keep == "best_robust_accuracy" and self.validation_attack is None:
            return Problem(f"{place}.keep", self.keep, "needs validation_attack")
        if share == 0 and self.keep != "last":
            return Problem(f"{place}.keep", self.keep, "needs dataset.split.validation above 0")
        if share == 0 and self.validation_attack:
            name = self.validation_attack.name
            return Problem(f"{place}.validation_attack.name", name, "needs dataset.split.validation above 0")
        return None


class FinetuneSettings(TrainSettings):
    """Training of a model that is already trained; what was pruned stays pruned."""


class AdversarialFinetuneSettings(HardeningSettings, TrainSettings):
    """Adversarial fine-tuning with everything else that training has."""

    @model_validator(mode="before")
    @classmethod
    def _objective_stands_for_lambda(cls, raw: Any) -> Any:
        """`lambda` may be left out where an objective is named."""
        named = isinstance(raw, dict) and raw.get("objective") is not None
        return {"lambda": 0.0, **raw} if named else raw

    def _list_written_objectives(self) -> list[str]:
        mixed = {"lambda": self.weight, "attack": self.attack, "fixed_examples": self.fixed_examples}
        return [*super()._list_written_objectives(), *(name for name, value in mixed.items() if value)]

    @property
    def _inner_objective(self) -> ObjectiveSettings:
        return AdversarialSettings.of(self)

    def _write_inner_objective(self, objective: ObjectiveSettings) -> dict[str, Any] | None:
        if objective == STANDARD:
            return {"weight": 0.0, "attack": None, "fixed_examples": None}
        if isinstance(objective, AdversarialSettings):
            return {name: getattr(objective, name) for name in MixedLossSettings.model_fields}
        return None
