"""AutoAttack in its standard form, and in that for random models (Croce and Hein 2020, arXiv 2003.01690)."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial

from torch import Tensor

from tasks.attacks.apgd import craft as apgd
from tasks.attacks.apgd.settings import ApgdCeSettings, ApgdTSettings
from tasks.attacks.autoattack.settings import AutoAttackSettings
from tasks.attacks.engine.job import AttackJob, ExamplesBySteps, run_worst_case
from tasks.attacks.engine.losses import rank_likeliest_others
from tasks.attacks.fab import craft as fab
from tasks.attacks.fab.settings import FabTSettings
from tasks.attacks.square import craft as square
from tasks.attacks.square.settings import SquareSettings


def craft_autoattack(job: AttackJob, settings: AutoAttackSettings) -> ExamplesBySteps:
    """APGD-CE, APGD-T, FAB-T and Square with the settings of the paper, each on the survivors of those before.

    In the form `rand`, APGD-CE and APGD-DLR along the mean of many looks. Images [N, C, H, W] in [0, 1].

    :raises StageError: there are fewer than four classes.
    """
    return {job.step_counts[0]: run_worst_case(job, _list_attempts(job, settings))}


def _list_attempts(job: AttackJob, settings: AutoAttackSettings) -> Iterator[Callable[[AttackJob], Tensor]]:
    shared = {"norm": settings.norm, "eps": settings.eps}
    count = job.step_counts[0]
    if settings.version == "rand":
        alone, looks = ApgdCeSettings(**shared), settings.averaged_looks
        yield lambda job: apgd.craft_apgd_ce(job, alone, looks=looks)[count]
        yield lambda job: apgd.craft_apgd_dlr(job, alone, looks=looks)[count]
        return
    restarts, targets = (5, 5) if settings.norm == "l1" else (1, 9)  # as the authors' code has them
    yield lambda job: apgd.craft_apgd_ce(job, ApgdCeSettings(**shared, restarts=restarts))[count]
    yield lambda job: apgd.craft_apgd_t(job, ApgdTSettings(**shared, targets=targets))[count]
    boundary = FabTSettings(**shared)
    for rank in range(rank_likeliest_others(job, boundary.targets).shape[1]):
        yield partial(fab.run_toward_target, settings=boundary, eps=settings.eps * job.scale, rank=rank)
    yield lambda job: square.craft_square(job, SquareSettings(**shared))[count]
