"""What all objectives have in common: how a section names one, and what others must know of it.

This module imports nothing heavy, so that a plan can be made without torch.
"""

from __future__ import annotations

from typing import Any, ClassVar, NamedTuple, TypeVar

from tasks.attacks.base import MethodSettings
from tasks.attacks.gradient.settings import IfgsmSettings, MifgsmSettings, PgdSettings
from tasks.attacks.registry import Method
from tasks.settings import Settings, added, keyed
from tasks.settings_rules import refuse
from tasks.training.averages import Averaging
from tasks.training.objectives.awp.settings import AwpSettings

STEP_PASSES = 3.0
"""Image passes of a step on one batch: forward, and backward counted as two."""


class Conditioning(NamedTuple):
    """How a network takes lambda beside the image."""

    lambdas: tuple[float, ...]
    """Those of training, ascending."""
    reference: float
    """The lambda that it answers by where nobody asks for another."""

    @property
    def range(self) -> str:
        """The least and the largest lambda of training, in words."""
        return f"{self.lambdas[0]:g} to {self.lambdas[-1]:g}"

    def knows(self, weight: float) -> bool:
        """Whether a lambda is one of training, or lies between two of them."""
        return self.lambdas[0] <= weight <= self.lambdas[-1]


class ObjectiveSettings(Settings):
    """Base of all objectives."""

    build: ClassVar[Any]
    """`module:function`, or the function: (settings, `ObjectiveContext`) -> the `Objective` that a stage minimises;
    imported when the stage runs."""

    check_network: ClassVar[Any] = None
    """`module:function`, or the function: (the settings, a model without weights on torch's meta device and in training
    mode, images float [N, C, H, W]) raises `StageError` where the model is none that can be trained so; null: every
    model is. A plan asks it before anything runs."""

    remembers_steps: ClassVar[bool] = False
    """Whether it keeps something from step to step of an epoch: then checkpoints are written between epochs alone."""

    can_be_inner: ClassVar[bool] = True
    """Whether another objective may hand it batches of its own making, in which the first images are examples."""

    name: str = keyed()
    awp: AwpSettings | None = added(None)
    """Adversarial weight perturbation on top of it; null: none."""
    weight_averaging: Averaging | None = added(None)
    """Which average of the weights is validated and published; null: the weights themselves."""

    @property
    def has_extras(self) -> bool:
        """Whether anything is asked for on top of the objective."""
        return self.awp is not None or self.weight_averaging is not None

    @property
    def label(self) -> str:
        """What the column `objective` shows, such as `trades` or `trades+awp+ema`."""
        averaging = self.weight_averaging.name if self.weight_averaging else ""
        return "+".join(part for part in (self.name, "awp" if self.awp else "", averaging) if part)

    @property
    def adversarial_share(self) -> float | None:
        """Share of the adversarial loss, the column `lambda`; null where two losses are not mixed so."""
        return None

    @property
    def training_attack(self) -> MethodSettings | None:
        """The attack whose budget and steps are the columns `eps_train` and `train_steps`."""
        return None

    @property
    def trained_budget(self) -> float | None:
        """The column `eps_train`; null where training knows no budget."""
        return self.training_attack.eps if self.training_attack else None

    @property
    def conditioning(self) -> Conditioning | None:
        """Set where it trains a network that takes lambda, which the section `condition` then fixes; else null."""
        return None

    @property
    def required_models(self) -> tuple[Settings, ...]:
        """Other models that it needs, as `SurrogateSettings`: each is a chain of stages that runs before, and the
        objective is given their models in this order."""
        return ()

    @property
    def image_limit(self) -> int | None:
        """Train on so many training images alone, chosen by the seed of the trial; null: on all."""
        return None

    @property
    def steps_per_batch(self) -> int:
        """Steps of the optimizer on each batch."""
        return 1

    @property
    def can_pause(self) -> bool:
        """Whether a checkpoint between two steps of an epoch holds all that the next depends on."""
        return self.steps_per_batch == 1 and not self.remembers_steps

    @property
    def expected_passes(self) -> float:
        """Image passes per training image and epoch, a backward pass counted as two: a first estimate of the time."""
        return STEP_PASSES

    @property
    def total_passes(self) -> float:
        """`expected_passes` with what is asked for on top: a second pass over what the loss is taken on."""
        attack = self.training_attack.expected_passes if self.training_attack else 0.0
        return self.expected_passes + (max(self.expected_passes - attack, 0.0) if self.awp else 0.0)

    def simplify(self) -> ObjectiveSettings:
        """The same objective without settings that cannot matter."""
        return self


class ExampleSettings(ObjectiveSettings):
    """Base of the objectives that make examples against the model in training by an attack."""

    attack: Method = keyed()
    """How the examples are made."""

    @property
    def training_attack(self) -> MethodSettings | None:
        return self.attack


DIVERGING = (IfgsmSettings, MifgsmSettings, PgdSettings)
"""Attacks that walk the one loop, which can raise a divergence in the place of cross-entropy."""


def check_divergent(attack: MethodSettings, name: str) -> None:
    """:raises PydanticCustomError: the attack cannot raise a divergence, as the examples of `name` must."""
    if not isinstance(attack, DIVERGING):
        refuse(f"{name} makes its examples by ifgsm, mifgsm or pgd", "attack.name")
    if attack.targeted:
        refuse(f"{name} knows no targets: its examples move away from an answer", "attack.targeted")


def list_attacks_of(objective: ObjectiveSettings) -> list[MethodSettings]:
    """The attacks that an objective makes examples with, those of an objective inside of it among them."""
    found: list[MethodSettings] = []
    for name in type(objective).model_fields:
        value = getattr(objective, name)
        for part in value if isinstance(value, tuple) else (value,):
            found += [part] if isinstance(part, MethodSettings) else []
            found += list_attacks_of(part) if isinstance(part, ObjectiveSettings) else []
    return found


ManySettings = TypeVar("ManySettings", bound=Settings)


def resolve_attacks(settings: ManySettings) -> ManySettings:
    """Settings whose attacks have written out what they leave open, as training has it."""
    changes: dict[str, Any] = {}
    for name in type(settings).model_fields:
        value = getattr(settings, name)
        if isinstance(value, MethodSettings):
            changes[name] = value.resolve_for_training()
        elif isinstance(value, ObjectiveSettings):
            changes[name] = resolve_attacks(value)
        elif isinstance(value, tuple) and any(isinstance(part, MethodSettings) for part in value):
            changes[name] = tuple(part.resolve_for_training() for part in value)
    return settings.model_copy(update=changes) if changes else settings
