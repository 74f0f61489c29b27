"""An attack that is not advsweep's own: what somebody who extends it would write."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any, ClassVar, Literal

from torch import Tensor

from tasks.attacks.base import MethodSettings
from tasks.attacks.engine.job import AttackJob
from tasks.attacks.registry import ATTACKS
from tasks.settings import Number, keyed


class BrightenSettings(MethodSettings):
    """All values brighter by a share of the budget: two guesses, and whichever fools the model."""

    craft = f"{__name__}:craft_brighter"
    paper = "Nobody et al. 2030, arXiv 3001.00001"
    access = "logits"
    probe: ClassVar[Mapping[str, Any] | None] = {"share": 0.5}
    name: Literal["brighten"] = keyed("brighten")
    norm: Literal["linf"] = keyed("linf")
    eps: Number = keyed(ge=0)
    share: Number = keyed(1.0, gt=0, le=1)


def craft_brighter(job: AttackJob, settings: BrightenSettings) -> dict[int, Tensor]:
    """Images [N, C, H, W], brighter by share * eps, and nothing more."""
    return {job.step_counts[0]: (job.clean + settings.share * settings.eps * job.scale).clamp(0, 1)}


@contextmanager
def registered(settings: type[MethodSettings]) -> Iterator[None]:
    """While this lasts, a search space may name the attack."""
    name = settings.model_fields["name"].default
    ATTACKS.add(name, settings)
    try:
        yield
    finally:
        ATTACKS.remove(name)
