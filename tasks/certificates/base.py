"""What all certificates have in common: they stand where an attack stands, and state a lower bound.

This module imports nothing heavy, so that a plan can be made without torch.
"""

from __future__ import annotations

from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray
from typing_extensions import Self

from tasks.attacks.base import MethodSettings
from tasks.errors import Problem
from tasks.settings import Number, keyed
from tasks.transformations.settings import InferenceSettings


class CertificateSettings(MethodSettings):
    """Base of all certificates: a norm, and the budget within which an image is to be certified.

    An image counts as robust if the classifier is right about it and the certified radius exceeds `eps`. One run gives
    the radii of all budgets.
    """

    certify: ClassVar[Any]
    """`module:function`, or the function: (`CertificateJob`, one of these settings for each budget) -> a `Certificate`
    for each; imported when the stage runs."""
    check_network: ClassVar[Any] = None
    """`module:function`, or the function: (the settings, a model without weights on torch's meta device, images float
    [N, C, H, W]) raises `StageError` where the model is none that can be certified so; null: every model is. Asked by a
    plan, before anything runs."""
    of_classifier: ClassVar[tuple[str, ...]] = ()
    """Settings that make the classifier which is certified, as `judged_behind` shows it, rather than the proof."""
    access = "none"
    iterative = False
    bounded = False
    bound = "lower"
    idle_beside = ("stop_when_fooled", "precision", "surrogate", "witness", "adaptive")

    eps: Number = keyed(ge=0)

    @property
    def reported_steps(self) -> int:
        return 0

    @property
    def judged_behind(self) -> str | None:
        """What the column `transformations` shows: what stands before the model that is certified; null: nothing."""
        return None

    def find_inference_problem(self, inference: InferenceSettings | None) -> Problem | None:
        """Why a model behind these transformations cannot be certified so; null where it can."""
        if inference is None:
            return None
        text = f"certifies the model itself, not one behind {inference.label}: leave `inference` out"
        return Problem("attack.name", self.name, text)

    def find_reach_problem(self, unit: float) -> Problem | None:  # noqa: ARG002
        """Why no image of whatever model can be certified with these settings, which have taken what `adopt_inference`
        takes; null where one can.

        :param unit: pixels per unit of eps.
        """
        return None

    def adopt_inference(self, inference: InferenceSettings | None) -> Self:  # noqa: ARG002
        """The settings with what they take from the transformations before the model."""
        return self

    def bound_wrong_answer(self, margin: NDArray[np.float64], samples: int) -> NDArray[np.float64]:  # noqa: ARG002
        """The probability that an answer differs from the certified class although nothing is wrong, at most; [N].

        :param margin: by how much the radius of each image exceeds the perturbation, [N].
        :param samples: looks of the answer, where the classifier is random.
        """
        return np.zeros(len(margin))

    def simplify(self) -> Self:
        """As they are: a budget of zero asks what is certified at all."""
        return self

    def shared(self) -> dict[str, Any]:
        """The canonical settings without the budget."""
        content = self.canonical()
        content.pop("eps")
        return content
