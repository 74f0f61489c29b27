"""What a search space says about pruning that measures or lowers a loss."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import model_validator
from typing_extensions import Self

from tasks.pruning.registry import find_demand
from tasks.pruning.settings import PruneSettings
from tasks.settings import Count, Number, Settings, added
from tasks.settings_rules import refuse
from tasks.training.objectives.base import ObjectiveSettings, resolve_attacks
from tasks.training.objectives.registry import NamedObjective
from tasks.training.objectives.standard.settings import STANDARD
from tasks.training.settings import TrainSettings


class TrainedPruneSettings(PruneSettings):
    """Pruning of whole filters or of single weights: at once, or while the model is trained.

    Li et al. 2017 (arXiv 1608.08710) for filters, Han et al. 2015 (1506.02626) for weights; Zhu and Gupta 2017
    (1710.01878) for ratios that grow, Sehwag et al. 2020 (2002.10509) for scores that are learned.
    """

    objective: NamedObjective | None = added(None)
    """The loss whose gradient `taylor` takes, such as that of adversarial training; null: what `training` minimises,
    else cross-entropy."""
    schedule: Literal["one_shot", "cubic"] = added("one_shot")
    """one_shot: all units go at once. cubic: the weights are trained by `training` meanwhile, and after a share t of
    the ramp ratio (1 - (1 - t)^3) is pruned (Zhu and Gupta 2017, arXiv 1710.01878); what is pruned stays so."""
    updates: Count = added(10, ge=1, le=100_000)
    """How often the ratio is raised with `cubic`, at equal distances."""
    ramp: Number = added(0.75, gt=0, le=1)
    """Share of the steps of training after which the whole ratio is pruned."""
    pressure: Number = added(1.0, ge=0)
    """With importance: harp, the weight at the end of training of what the layers keep too much, as a share of what may
    be kept; it rises in a straight line from 0."""
    training: TrainSettings | None = added(None)
    """How weights are trained while the ratio grows, or how scores are learned, with everything that `train` has. With
    `train: null` beside it, pruning begins with the first step of training."""

    @model_validator(mode="after")
    def _training_where_it_is_needed(self) -> Self:
        learned, grows = find_demand(self.importance).is_learned, self.schedule == "cubic"
        if learned and grows:
            refuse(
                f"schedule: cubic trains weights, and importance: {self.importance} its scores: choose one of both",
                "schedule",
                "importance",
            )
        if (learned or grows) and self.training is None:
            refuse(
                f"{f'importance: {self.importance}' if learned else 'schedule: cubic'} needs `training`",
                "importance" if learned else "schedule",
            )
        if self.chosen_objective.conditioning:
            text = f"objective: {self.chosen_objective.name} trains a network that takes lambda, which is not pruned"
            refuse(text, "training.objective.name", "objective.name")
        if self.importance == "taylor" and self.objective and self.objective.weight_averaging:
            text = "importance: taylor takes the gradient of weights that stand still: leave weight_averaging out"
            refuse(text, "objective.weight_averaging.name", "importance")
        if self.training is None:
            return self
        if not self.training.epochs:
            refuse("training.epochs: 0 trains nothing: give 1 or more, or leave `training` out", "training.epochs")
        if not learned and not grows:
            text = "`training` is for schedule: cubic, or for an importance that is learned; else write `finetune`"
            refuse(text, "training", "schedule", "importance")
        if self.objective is not None:
            refuse("`objective` and `training`, which says what is minimised: write one or the other", "objective.name")
        if learned and self.mode == "remove":
            refuse(
                "mode: remove takes joined channels together, and "
                f"importance: {self.importance} learns them apart: choose mode: mask",
                "mode",
                "importance",
            )
        if learned and self.training.chosen_objective.awp:
            text = f"training.objective.awp moves weights, and importance: {self.importance} trains none"
            refuse(text, "training.objective.awp", "importance")
        if grows:
            self._check_growth(self.training)
        return self

    def _check_growth(self, training: TrainSettings) -> None:
        if self.mode == "remove":
            refuse("mode: remove is done at once: choose mode: mask with schedule: cubic", "mode", "schedule")
        if ":" in self.within:
            text = f"within: {self.within} has one ratio, and schedule: cubic raises it: choose schedule: one_shot"
            refuse(text, "schedule", "within")
        if training.keep != "last":
            text = f"training.keep: {training.keep} may be an epoch in which less was pruned: choose last"
            refuse(text, "training.keep", "schedule")

    @property
    def chosen_objective(self) -> ObjectiveSettings:
        """What is minimised, or whose gradient is taken."""
        return self.training.chosen_objective if self.training else self.objective or STANDARD

    @property
    def surrogates(self) -> tuple[Settings, ...]:
        """The other models that its objective needs, as `SurrogateSettings`."""
        return self.chosen_objective.required_models

    def list_idle(self) -> dict[str, str]:
        demand = find_demand(self.importance)
        found = {} if self.importance == "taylor" else {"objective": "it says whose gradient importance: taylor takes"}
        if self.schedule == "one_shot":
            found |= dict.fromkeys(("updates", "ramp"), "it is about schedule: cubic")
        if not demand.learns_ratios:
            found["pressure"] = "it is about importance: harp"
        return found

    def simplify(self) -> Self | None:
        """Null where nothing would be pruned or trained; without what cannot matter. Of a single weight the L2 norm is
        the L1 norm, and called so."""
        training = self.training.simplify() if self.training else None
        if not self.ratio and self.schedule == "one_shot":
            return None
        changes: dict[str, Any] = {"training": training, "objective": self._simplify_objective()}
        if self.schedule == "one_shot":
            names = ["updates", "ramp"] + ["pressure"] * (not find_demand(self.importance).learns_ratios)
        elif self.ratio:
            names = ["pressure"]
        else:  # the training alone is left
            names = ["scope", "importance", "mode", "unit", "within", "updates", "ramp", "pressure"]
        if self.unit == "weights" and self.importance == "l2":
            names.append("importance")
        changes |= {name: type(self).model_fields[name].default for name in names}
        return self.model_copy(update=changes)

    def _simplify_objective(self) -> ObjectiveSettings | None:
        if self.objective is None or self.importance != "taylor":
            return None
        objective = resolve_attacks(self.objective.simplify())
        return None if objective == STANDARD else objective
