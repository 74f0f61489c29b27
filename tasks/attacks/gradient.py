"""FGSM, I-FGSM and PGD: one trajectory, started from the image or from random points of the ball."""

from __future__ import annotations

from tasks.attacks.crafting import Crafted, Job, random_starts
from tasks.attacks.norms import NORMS
from tasks.attacks.settings import FgsmSettings, IfgsmSettings, PgdSettings
from tasks.attacks.trajectory import Rule, follow

STEP_SHARE = 0.25
"""Default step size as a share of the budget; the same for every number of steps, so that runs can be shared."""


def fgsm(job: Job, settings: FgsmSettings) -> Crafted:
    """The loop with one step of the size of the budget."""
    eps = settings.eps * job.scale
    rule = Rule(NORMS[settings.norm], eps, eps, stop_when_fooled=job.stop_when_fooled)
    found = follow(job.target, job.clean, job.labels, rule, (1,))
    return {job.counts[0]: found[1]}


def pgd(job: Job, settings: IfgsmSettings) -> Crafted:
    """I-FGSM, or PGD where the settings ask for random starts and restarts.

    A restart attacks the images that some step count has not fooled yet; each keeps its first success.
    """
    eps = settings.eps * job.scale
    step_size = settings.step_size * job.scale if settings.step_size is not None else STEP_SHARE * eps
    norm = NORMS[settings.norm]
    rule = Rule(norm, eps, step_size, stop_when_fooled=job.stop_when_fooled)
    random = isinstance(settings, PgdSettings) and settings.random_start
    restarts = settings.restarts if isinstance(settings, PgdSettings) else 1

    def run(job: Job, restart: int) -> Crafted:
        start = random_starts(job, norm, eps, restart) if random else None
        return follow(job.target, job.clean, job.labels, rule, job.counts, start=start)

    best = run(job, 0)
    for restart in range(1, restarts):
        fooled = {count: job.target.fooled(images, job.labels) for count, images in best.items()}
        left = sum(~mask for mask in fooled.values()).bool().nonzero(as_tuple=True)[0]  # type: ignore[union-attr]
        if not len(left):
            break
        for count, images in run(job.subset(left), restart).items():
            better = ~fooled[count][left]
            best[count] = best[count].index_copy(0, left[better], images[better])
    return best
