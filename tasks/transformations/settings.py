"""What a search space says about inference: what images go through before the model sees them.

This module imports nothing heavy, so that a plan can be made without torch.
"""

from __future__ import annotations

from typing import Literal

from tasks.settings import Count, Settings, added, keyed
from tasks.transformations.registry import NamedTransformation


class InferenceSettings(Settings):
    """Defences at inference: the model that is evaluated stands behind these transformations; training knows nothing of
    them."""

    transformations: tuple[NamedTransformation, ...] = keyed(min_length=1)
    """Applied in this order."""
    samples: Count = keyed(1, ge=1, le=10_000)
    """Looks at an image whose mean logits are the answer, where a transformation draws."""
    answer: Literal["mean", "vote"] = added("mean")
    """vote: the answer is the class that most looks say, as randomized smoothing has it; an adaptive attack follows the
    mean of their probabilities (Salman et al. 2019, arXiv 1906.04584)."""
    eot_samples: Count = keyed(30, ge=1, le=10_000)
    """Looks whose mean an adaptive attack follows, where a transformation draws: the expectation over transformations
    of Athalye et al. 2018 (arXiv 1802.00420)."""

    @property
    def label(self) -> str:
        """What the column `transformations` shows, such as `jpeg(quality 50)+noise x10`: all that is not a default."""
        looks = f" x{self.samples}" if self.samples > 1 else ""
        vote = " by vote" if self.answer == "vote" else ""
        return "+".join(each.label for each in self.transformations) + vote + looks

    @property
    def is_random(self) -> bool:
        """Whether two looks at one image may differ."""
        return any(each.random for each in self.transformations)

    @property
    def needs_training_images(self) -> bool:
        """Whether one of them looks at the training part of the data set."""
        return any(each.needs_training_images for each in self.transformations)

    def list_idle(self) -> dict[str, str]:
        random = self.is_random
        return {} if random else dict.fromkeys(("samples", "answer", "eot_samples"), "no transformation here is random")

    def simplify(self) -> InferenceSettings:
        """Where nothing is random, one look says what many say."""
        if self.is_random:
            return self
        return self.model_copy(
            update={"samples": 1, "answer": "mean", "eot_samples": type(self).model_fields["eot_samples"].default}
        )
