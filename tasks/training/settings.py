"""What a search space says about training, fine-tuning and adversarial fine-tuning."""

from __future__ import annotations

from typing import Literal

from typing_extensions import Self

from tasks.attacks.registry import Method
from tasks.settings import Number, Settings, keyed
from tasks.training.basic import BasicSettings
from tasks.training.surrogate import HardeningSettings, SurrogateSettings


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


class AdversarialFinetuneSettings(HardeningSettings, TrainSettings):
    """Adversarial fine-tuning with everything else that training has."""

    def normalized(self) -> Self | None:
        """Without an adversarial share, or without a budget, how the examples are made cannot matter."""
        return self._without_empty_examples().without_empty_attack() if self.epochs else None
