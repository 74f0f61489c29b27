"""What a search space says about once-for-all adversarial training."""

from __future__ import annotations

import math
from itertools import pairwise
from typing import Literal

from pydantic import model_validator
from typing_extensions import Self

from tasks.attacks.gradient.settings import FgsmSettings
from tasks.settings import Number, keyed
from tasks.settings_rules import refuse
from tasks.training.averages import SwaSettings
from tasks.training.objectives.base import DIVERGING, STEP_PASSES, Conditioning, ExampleSettings


class OatSettings(ExampleSettings):
    """(1 - lambda) L(f(x, lambda), y) + lambda L(f(x', lambda), y), another lambda for each image: the model takes it.

    Wang et al. 2020 (arXiv 2010.11828). Batch norm is there twice, for lambda 0 and for all others, and behind it a
    FiLM layer scales and shifts by lambda, beginning as the identity. The section `condition` says the lambda at which
    the model is then attacked and certified: its grid shares this training.
    """

    build = "tasks.training.objectives.oat.objective:build_oat"
    can_be_inner = False  # its own first images are clean ones, of which the batch norm of lambda 0 takes statistics
    check_network = "tasks.training.objectives.oat.objective:check_norms"

    name: Literal["oat"] = keyed("oat")
    lambdas: tuple[Number, ...] = keyed((0.0, 0.1, 0.2, 0.3, 0.4, 1.0))
    """Shares of adversarial loss in training, ascending. A lambda between two of them can be asked for too."""
    reference: Number = keyed(1.0, ge=0, le=1)
    """The lambda at which it is validated, and at which it answers where no `condition` says another."""

    @model_validator(mode="after")
    def _can_be_trained_so(self) -> Self:
        ascending = all(one < other for one, other in pairwise(self.lambdas))
        if len(self.lambdas) < 2 or not ascending or self.lambdas[0] < 0 or self.lambdas[-1] > 1:
            refuse("lambdas are two or more, and ascend within [0, 1], each once", "lambdas")
        if not self.conditioning.knows(self.reference):
            text = f"reference, {self.reference:g}, is to be within lambdas, {self.conditioning.range}"
            refuse(text, "reference", "lambdas")
        if not isinstance(self.attack, (FgsmSettings, *DIVERGING)) or self.attack.targeted:
            refuse(
                "oat makes its examples by fgsm, ifgsm, mifgsm or pgd, without targets",
                "attack.name",
                "attack.targeted",
            )
        if isinstance(self.weight_averaging, SwaSettings):
            refuse("swa takes the statistics of batch norm anew, and oat has two: choose ema", "weight_averaging.name")
        return self

    @property
    def conditioning(self) -> Conditioning:
        return Conditioning(self.lambdas, self.reference)

    def count_clean(self, images: int) -> int:
        """Of so many images the ones that get lambda 0, where it is one of the lambdas."""
        return math.ceil(images / len(self.lambdas)) if self.lambdas[0] == 0 else 0

    @property
    def expected_passes(self) -> float:
        attacked = 1 - (self.lambdas[0] == 0) / len(self.lambdas)
        return STEP_PASSES + attacked * (self.attack.expected_passes + STEP_PASSES)
