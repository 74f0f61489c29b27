"""What all generators have in common: how an attack names one, and what others must know of it.

This module imports nothing heavy, so that a plan can be made without torch.
"""

from __future__ import annotations

from typing import Annotated, Any, ClassVar, Literal

from pydantic import BeforeValidator, model_validator
from pydantic_core import PydanticCustomError
from typing_extensions import Self

from tasks.models.settings import WeightsSettings, read_weights_file
from tasks.plugins.source import hash_code
from tasks.settings import CODE, Count, Number, Settings, added, keyed, unkeyed
from tasks.settings_rules import refuse

Output = Literal["perturbations", "noise"]
"""What a generator answers. perturbations: images float [N, C, H, W] of [0, 1] -> how to move them, in units of the
budget, of [-1, 1]. noise: noisy images float [N, C, H, W], and the share of their variance that is signal -> the
standard normal noise in them."""


NO_IMAGENET = "there are no ImageNet weights of a generator: name a file"


def _read_file(value: object) -> object:
    if value == "imagenet":
        raise PydanticCustomError("weights", "{text}", {"text": NO_IMAGENET})
    return read_weights_file(value)


class GeneratorSettings(Settings):
    """Base of all generators.

    A generator is trained on the training part of the data set, by a stage whose key holds these settings and the data,
    and the model where it is trained against one. Every attack that names it shares that stage.
    """

    build: ClassVar[Any]
    """`module:function`, or the function: (settings, image shape [C, H, W], classes) -> `Generator`, its weights drawn
    from torch's global generator; imported when a stage runs."""
    output: ClassVar[Output] = "perturbations"
    """What it answers: an attack takes generators of one kind."""
    needs_target: ClassVar[bool] = False
    """Whether it is trained against the model under attack (a transfer attack: against the surrogate)."""
    passes: ClassVar[float] = 3.0
    """Image passes of one training image and epoch, a backward pass counted as two: a first estimate of time."""
    paper: ClassVar[str] = ""
    """Who described it, and where."""
    origin: ClassVar[str | None] = None
    """The module of a user's own code that it comes from: with other code the stage is another."""
    architecture: ClassVar[tuple[str, ...]] = ()
    """The fields that weights from a file depend on; the others say how it is trained."""

    name: str = keyed()
    seed: Count | None = keyed(None, ge=0)
    """Of its weights and of every random number of its training; null: that of the trial. A number lets all seeds of a
    sweep share one generator, where it needs no model."""
    epochs: Count = keyed(ge=1, le=100_000)
    checkpoint_every: Number = unkeyed(300.0, gt=0)
    """Seconds after which a checkpoint is written in the middle of an epoch; there is one after every epoch too. A
    generator that is broken off goes on from the last one."""

    weights: Annotated[WeightsSettings | None, BeforeValidator(_read_file)] = added(None)
    """A trained generator, which is taken as it is, so that nothing is trained and no model is needed: a safetensors
    file, as `model.safetensors` of a stage in a storage, or one that torch.save wrote, by its path or by an address
    with the sha256 of its content. null: it is trained."""

    @model_validator(mode="after")
    def _weights_leave_nothing_to_train(self) -> Self:
        if self.weights is None:
            return self
        if self.weights.source != "file":
            refuse(NO_IMAGENET, "weights")
        free = {"name", "weights", "checkpoint_every", *self.architecture}
        fields = {name: field for name, field in type(self).model_fields.items() if name not in free}
        idle = [
            name for name, field in fields.items() if not field.is_required() and getattr(self, name) != field.default
        ]
        if idle:
            refuse(f"with weights nothing is trained: leave out {', '.join(idle)}", *idle, "weights")
        return self

    @property
    def is_trained_against_model(self) -> bool:
        """Whether its stage builds on the model under attack."""
        return self.needs_target and self.weights is None

    def _describe_code(self) -> dict[str, dict[str, str]]:
        """Its own code too: in the key of its stage no other settings name it."""
        found = super()._describe_code()
        return {CODE: {**found.get(CODE, {}), **hash_code(self.origin)}} if self.origin else found

    def for_budget(self, eps: float | None) -> Self:  # noqa: ARG002
        """The settings with what they leave to the budget of the attack written out."""
        return self
