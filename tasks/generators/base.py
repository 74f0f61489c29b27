"""What all generators have in common: how an attack names one, and what others must know of it.

This module imports nothing heavy, so that a plan can be made without torch.
"""

from __future__ import annotations

from typing import Any, ClassVar, Literal

from typing_extensions import Self

from tasks.settings import Count, Settings, keyed

Output = Literal["perturbations", "noise"]
"""What a generator answers. perturbations: images float [N, C, H, W] of [0, 1] -> how to move them, in units of the
budget, of [-1, 1]. noise: noisy images float [N, C, H, W], and the share of their variance that is signal -> the
standard normal noise in them."""


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

    name: str = keyed()
    seed: Count | None = keyed(None, ge=0)
    """Of its weights and of every random number of its training; null: that of the trial. A number lets all seeds of a
    sweep share one generator, where it needs no model."""
    epochs: Count = keyed(ge=1, le=100_000)

    def for_budget(self, eps: float | None) -> Self:  # noqa: ARG002
        """The settings with what they leave to the budget of the attack written out."""
        return self
