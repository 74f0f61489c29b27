"""Other models, against which examples are made: what a search space says about their chains.

They share the trial's data set. Their settings know no surrogates of their own.
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


class HardeningSettings(MixedLossSettings, BasicSettings):
    """Adversarial fine-tuning."""


class SurrogateSettings(Settings):
    """The chain of another model on the same data; it does not change any more. A stage that is null is skipped."""

    seed: Count | None = keyed(None, ge=0)
    """null: the seed of the trial."""
    model: ModelSettings = keyed()
    train: BasicSettings | None = keyed(None)
    """null: the model as it is, with the weights that `model.weights` names."""
    prune: PruneSettings | None = added(None)
    finetune: BasicSettings | None = added(None)
    adversarial_finetune: HardeningSettings | None = added(None)

    def simplify(self) -> Self:
        """Without stages that would do nothing."""
        tuned = self.adversarial_finetune
        changes: dict[str, Any] = {
            "model": self.model.simplify(),
            "train": self.train if self.train and self.train.epochs else None,
            "prune": self.prune.simplify() if self.prune else None,
            "finetune": self.finetune if self.finetune and self.finetune.epochs else None,
            "adversarial_finetune": resolve_attacks(tuned.without_empty_attack()) if tuned and tuned.epochs else None,
        }
        return self.model_copy(update=changes)

    @property
    def label(self) -> str:
        """Its name in the results: the model, and what else tells it apart."""
        tuned = self.adversarial_finetune
        parts = [self.model.name, f"seed {self.seed}" if self.seed is not None else ""]
        parts += [f"pruning_ratio {self.prune.ratio:g}" if self.prune else "", "finetuned" if self.finetune else ""]
        parts += [f"lambda {tuned.weight:g}" if tuned else ""]
        parts += [f"eps_train {tuned.attack.eps:g}" if tuned and tuned.attack and tuned.attack.eps is not None else ""]
        return " ".join(part for part in parts if part)
