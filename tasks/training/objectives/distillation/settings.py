"""What a search space says about distillation."""

from __future__ import annotations

from typing import Literal

from pydantic import model_validator
from typing_extensions import Self

from tasks.attacks.base import MethodSettings
from tasks.attacks.registry import Method
from tasks.settings import Number, Settings, keyed
from tasks.settings_rules import refuse
from tasks.training.objectives.base import STEP_PASSES, ObjectiveSettings, check_divergent
from tasks.training.objectives.standard.settings import make_standard
from tasks.training.surrogate import SurrogateSettings

SHARES = {"defensive": 1.0, "ard": 1.0, "rslad": 5 / 6}
"""Share of the teacher's or of the adversarial term that the papers use."""


class DistillationSettings(ObjectiveSettings):
    """A student learns from a teacher's answers, each a softmax of logits divided by the temperature T.

    `defensive`, Papernot et al. 2016 (arXiv 1511.04508): cross-entropy with the teacher's answers at T; without a
    teacher with the labels, which trains the first of the two networks. Carlini and Wagner 2017 (1608.04644) broke it.
    `ard`, Goldblum et al. 2020 (1905.09747): (1 - a) CE(s(x), y) + a T^2 KL(t(x) || s(x')). `rslad`, Zi et al. 2021
    (2108.07969): (1 - a) KL(t(x) || s(x)) + a KL(t(x) || s(x')), where x' raises KL(t(x) || s(x')). a is `lambda`.
    """

    build = "tasks.training.objectives.distillation.objective:build_distillation"

    name: Literal["distillation"] = keyed("distillation")
    form: Literal["defensive", "ard", "rslad"] = keyed("defensive")
    teacher: SurrogateSettings | None = keyed(None)
    """The chain of the model that is learnt from; null: the labels, for `defensive` alone."""
    temperature: Number = keyed(1.0, gt=0)
    """20 to 100 in the paper of `defensive`; `rslad` has none."""
    weight: Number | None = keyed(None, alias="lambda", ge=0, le=1)
    """Share of the term on adversarial examples; null: 1 for `ard`, 5/6 for `rslad`."""
    attack: Method | None = keyed(None)
    """How the examples of `ard` and `rslad` are made."""

    @model_validator(mode="after")
    def _form_has_what_it_takes(self) -> Self:
        robust = self.form != "defensive"
        if robust and (self.attack is None or self.teacher is None):
            refuse(f"form: {self.form} needs a teacher and an attack", "form")
        if not robust and (self.attack is not None or self.weight is not None):
            refuse("form: defensive makes no examples: it has neither `attack` nor `lambda`", "attack", "lambda")
        if self.teacher is not None and not self.teacher.is_trained:
            refuse("the teacher has learnt nothing: give teacher.train, or teacher.model.weights", "teacher.model.name")
        if self.form == "rslad":
            assert self.attack is not None, "it has just been checked"
            check_divergent(self.attack, "rslad")
            if self.temperature != 1:
                refuse("form: rslad has no temperature", "temperature", "form")
        return self

    @property
    def share(self) -> float:
        """`lambda`, or what the paper of the form takes."""
        return SHARES[self.form] if self.weight is None else self.weight

    @property
    def label(self) -> str:
        form = "" if self.form == "defensive" else f" ({self.form})"
        return super().label.replace(self.name, f"{self.name}{form}", 1)

    @property
    def adversarial_share(self) -> float | None:
        return None if self.attack is None else self.share

    @property
    def training_attack(self) -> MethodSettings | None:
        return self.attack

    @property
    def required_models(self) -> tuple[Settings, ...]:
        return (self.teacher,) if self.teacher else ()

    @property
    def expected_passes(self) -> float:
        made = self.attack.expected_passes if self.attack else 0.0
        learnt = STEP_PASSES * (1 if self.form == "defensive" or self.share == 1 else 2)
        return made + learnt + (1 if self.teacher else 0)

    def simplify(self) -> ObjectiveSettings:
        """With the share written out; standard training where `ard` gives neither teacher nor examples a share."""
        if self.form == "ard" and self.share == 0:
            return make_standard(self)
        changes: dict[str, object] = {"teacher": self.teacher.simplify() if self.teacher else None}
        if self.attack is not None:
            changes["weight"] = self.share
        return self.model_copy(update=changes)
