"""AutoAttack in its standard form (Croce and Hein 2020, arXiv 2003.01690)."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial

from torch import Tensor

from tasks.attacks.apgd import craft as apgd
from tasks.attacks.apgd.settings import ApgdCeSettings, ApgdTSettings
from tasks.attacks.autoattack.settings import AutoAttackSettings
from tasks.attacks.engine.job import Crafted, Job, worst_case
from tasks.attacks.engine.losses import likeliest_others
from tasks.attacks.fab import craft as fab
from tasks.attacks.fab.settings import FabTSettings
from tasks.attacks.square import craft as square
from tasks.attacks.square.settings import SquareSettings


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
