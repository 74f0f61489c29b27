"""AutoAttack in its standard form (Croce and Hein 2020, arXiv 2003.01690)."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial

from torch import Tensor

from tasks.attacks import apgd, fab, square
from tasks.attacks.bounded import ApgdCeSettings, ApgdTSettings, AutoAttackSettings, SquareSettings
from tasks.attacks.crafting import Crafted, Job, worst_case
from tasks.attacks.losses import likeliest_others
from tasks.attacks.minimal import FabTSettings


def autoattack(job: Job, settings: AutoAttackSettings) -> Crafted:
    """APGD-CE, APGD-T, FAB-T and Square with the settings of the paper, each on the survivors of those before.

    :raises StageError: there are fewer than four classes.
    """
    return {job.counts[0]: worst_case(job, _attempts(job, settings))}


def _attempts(job: Job, settings: AutoAttackSettings) -> Iterator[Callable[[Job], Tensor]]:
    shared = {"norm": settings.norm, "eps": settings.eps}
    count = job.counts[0]
    yield lambda job: apgd.apgd_ce(job, ApgdCeSettings(**shared))[count]
    yield lambda job: apgd.apgd_t(job, ApgdTSettings(**shared))[count]
    near = FabTSettings(**shared)
    for place in range(likeliest_others(job, near.targets).shape[1]):
        yield partial(fab.within, settings=near, eps=settings.eps * job.scale, place=place)
    yield lambda job: square.square(job, SquareSettings(**shared))[count]
