"""Other models, against which examples are made: what a search space says about their chains.

They share the trial's data set. Their settings know no surrogates of their own.
"""

from __future__ import annotations

from typing import Any

from pydantic import model_validator
from pydantic_core import PydanticCustomError
from typing_extensions import Self

from tasks.attacks.registry import Method
from tasks.models.settings import ModelSettings
from tasks.pruning.settings import PruneSettings
from tasks.settings import Count, Number, Settings, added, keyed
from tasks.training.basic import BasicSettings


class HardeningSettings(BasicSettings):
    """Fine-tuning on (1 - lambda) L_clean + lambda L_adv, the examples made on the fly or once before the first epoch.

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
            raise PydanticCustomError("no_attack", "lambda above 0 needs `attack`: how the examples are made")
        return self

    def without_empty_attack(self) -> Self:
        """Where no examples are made, how they are made cannot matter."""
        if self.weight == 0 or self.attack is None or self.attack.eps == 0:
            changes: dict[str, Any] = {"weight": 0.0, "attack": None}
            return self.model_copy(update=changes)
        return self


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

    def normalized(self) -> Self:
        """Without stages that would do nothing."""
        tuned = self.adversarial_finetune
        changes: dict[str, Any] = {
            "model": self.model.normalized(),
            "train": self.train if self.train and self.train.epochs else None,
            "prune": self.prune.normalized() if self.prune else None,
            "finetune": self.finetune if self.finetune and self.finetune.epochs else None,
            "adversarial_finetune": tuned.without_empty_attack() if tuned and tuned.epochs else None,
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
