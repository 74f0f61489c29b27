"""Other models, against which examples are made: what a search space says about their chains.

They share the trial's data set.
"""

from __future__ import annotations

from typing import Any

from typing_extensions import Self

from tasks.models.settings import ModelSettings
from tasks.pruning.settings import PruneSettings
from tasks.settings import Count, Settings, added, keyed
from tasks.training.basic import BasicSettings
from tasks.training.objectives.adversarial.settings import MixedLossSettings
from tasks.training.objectives.base import resolve_attacks
from tasks.training.objectives.registry import NamedObjective
from tasks.training.objectives.standard.settings import STANDARD


class HardeningSettings(MixedLossSettings, BasicSettings):
    """Adversarial fine-tuning."""


class SurrogateTrainSettings(BasicSettings):
    """Training of a surrogate: standard, or with any objective by its name."""

    objective: NamedObjective | None = added(None)
    """What a step minimises; null: cross-entropy."""

    def simplify_objective(self) -> Self:
        """With the objective in its canonical form, and without one where it is standard training."""
        if self.objective is None:
            return self
        objective = resolve_attacks(self.objective.simplify())
        return self.model_copy(update={"objective": None if objective == STANDARD else objective})


class SurrogateSettings(Settings):
    """The chain of another model on the same data; it does not change any more. A stage that is null is skipped."""

    seed: Count | None = keyed(None, ge=0)
    """null: the seed of the trial."""
    model: ModelSettings = keyed()
    train: SurrogateTrainSettings | None = keyed(None)
    """null: the model as it is, with the weights that `model.weights` names."""
    prune: PruneSettings | None = added(None)
    finetune: SurrogateTrainSettings | None = added(None)
    adversarial_finetune: HardeningSettings | None = added(None)

    def simplify(self) -> Self:
        """Without stages that would do nothing."""
        tuned = self.adversarial_finetune
        changes: dict[str, Any] = {
            "model": self.model.simplify(),
            "train": self.train.simplify_objective() if self.train and self.train.epochs else None,
            "prune": self.prune.simplify() if self.prune else None,
            "finetune": self.finetune.simplify_objective() if self.finetune and self.finetune.epochs else None,
            "adversarial_finetune": resolve_attacks(tuned.without_empty_attack()) if tuned and tuned.epochs else None,
        }
        return self.model_copy(update=changes)

    @property
    def is_trained(self) -> bool:
        """Whether its weights are other than random."""
        stages = (self.train, self.finetune, self.adversarial_finetune)
        return self.model.weights is not None or any(stage is not None and stage.epochs > 0 for stage in stages)

    @property
    def label(self) -> str:
        """Its name in the results: the model, and what else tells it apart."""
        tuned = self.adversarial_finetune
        parts = [self.model.name, f"seed {self.seed}" if self.seed is not None else ""]
        trained = [part.objective for part in (self.train, self.finetune) if part and part.objective]
        parts += [objective.label for objective in trained if objective.label != STANDARD.label]
        parts += [f"pruning_ratio {self.prune.ratio:g}" if self.prune else "", "finetuned" if self.finetune else ""]
        parts += [f"lambda {tuned.weight:g}" if tuned else ""]
        parts += [f"eps_train {tuned.attack.eps:g}" if tuned and tuned.attack and tuned.attack.eps is not None else ""]
        return " ".join(part for part in parts if part)
