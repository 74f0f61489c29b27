"""What a search space says about training, fine-tuning and adversarial fine-tuning."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import model_validator
from pydantic_core import PydanticCustomError
from typing_extensions import Self

from tasks.attacks.settings import Method
from tasks.settings import Count, Number, Settings, keyed
from tasks.training.basic import BasicSettings, SurrogateSettings


class EnsembleSettings(Settings):
    """Ensemble adversarial training: part of each batch is examples made against static models
    (Tramer et al. 2018, arXiv 1705.07204)."""

    share: Number = keyed(0.5, gt=0, le=1)
    """Share of each batch that is replaced by examples; these are made against one model, drawn for each batch."""
    attack: Method = keyed()
    surrogates: tuple[SurrogateSettings, ...] = keyed(min_length=1)
    include_self: bool = keyed(False)
    """Whether the model in training is one of the models drawn from."""


Keep = Literal["last", "best_accuracy", "best_loss", "best_robust_accuracy"]


class TrainSettings(BasicSettings):
    """Standard training with cross-entropy, or ensemble adversarial training."""

    ensemble: EnsembleSettings | None = keyed(None)
    """null: training images as they are."""
    validation_attack: Method | None = keyed(None)
    """A cheap attack on the validation part after each epoch: robust validation accuracy in the history, and a
    warning of catastrophic overfitting. A few steps show what a single-step attack hides. null: none."""
    keep: Keep = keyed("last")
    """The weights that the stage publishes: of the last epoch, or of the epoch that was best on the validation part."""

    def normalized(self) -> Self | None:
        """Null where nothing would be trained."""
        return self._without_empty_examples() if self.epochs else None

    def _without_empty_examples(self) -> Self:
        """Examples without a budget are images as they are."""
        if self.ensemble is None:
            return self
        if self.ensemble.attack.eps == 0:
            return self.model_copy(update={"ensemble": None})
        surrogates = tuple(surrogate.normalized() for surrogate in self.ensemble.surrogates)
        return self.model_copy(update={"ensemble": self.ensemble.model_copy(update={"surrogates": surrogates})})

    @property
    def surrogates(self) -> tuple[SurrogateSettings, ...]:
        """The other models that this training needs."""
        return self.ensemble.surrogates if self.ensemble else ()

    def validation_problem(self, share: float) -> str | None:
        """What stands against these settings where so much of the training split is held out for validation."""
        if self.keep == "best_robust_accuracy" and self.validation_attack is None:
            return "keep: best_robust_accuracy needs validation_attack"
        if share == 0 and self.keep != "last":
            return f"keep: {self.keep} needs dataset.split.validation above 0"
        if share == 0 and self.validation_attack:
            return "validation_attack needs dataset.split.validation above 0"
        return None


class FinetuneSettings(TrainSettings):
    """Training of a model that is already trained; what was pruned stays pruned."""


class AdversarialFinetuneSettings(TrainSettings):
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

    def normalized(self) -> Self | None:
        """Without an adversarial share, or without a budget, how the examples are made cannot matter."""
        if not self.epochs:
            return None
        kept = self._without_empty_examples()
        if self.weight == 0 or self.attack is None or self.attack.eps == 0:
            changes: dict[str, Any] = {"weight": 0.0, "attack": None}
            return kept.model_copy(update=changes)
        return kept
