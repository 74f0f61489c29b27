"""The attacks of the one loop: FGSM, I-FGSM, MI-FGSM, PGD and Sparse L1 descent."""

from __future__ import annotations

from tasks.attacks.engine.job import AttackJob, Crafted, draw_random_starts
from tasks.attacks.engine.loop import Rule, run_gradient_attack
from tasks.attacks.engine.norms import NORMS, Norm, SparseL1
from tasks.attacks.gradient.settings import (
    FgsmSettings,
    IterativeSettings,
    MifgsmSettings,
    RestartedSettings,
    SparseL1Settings,
)

STEP_SHARE = 0.25
"""Default step size as a share of the budget; the same for every number of steps, so that runs can be shared."""


def craft_fgsm(job: AttackJob, settings: FgsmSettings) -> Crafted:
    """The loop with one step of the size of the budget."""
    eps = settings.eps * job.scale
    rule = Rule(NORMS[settings.norm], eps, eps, stop_when_fooled=job.stop_when_fooled)
    found = run_gradient_attack(job.target, job.clean, job.labels, rule, (1,), targets=job.targets)
    return {job.counts[0]: found[1]}


def craft_pgd(job: AttackJob, settings: IterativeSettings) -> Crafted:
    """The loop from the image itself, or from random starts where the settings ask for them.

    A restart attacks the images that some step count has not fooled yet; each keeps its first success.
    """
    rule = _make_rule(job, settings)
    random = isinstance(settings, RestartedSettings) and settings.random_start
    restarts = settings.restarts if isinstance(settings, RestartedSettings) and random else 1

    def run(job: AttackJob, restart: int) -> Crafted:
        start = draw_random_starts(job, rule.norm, rule.eps, restart) if random else None
        return run_gradient_attack(
            job.target, job.clean, job.labels, rule, job.counts, start=start, targets=job.targets
        )

    best = run(job, 0)
    for restart in range(1, restarts):
        withstood = {count: ~job.fooled(images) for count, images in best.items()}
        left = sum(withstood.values()).bool().nonzero(as_tuple=True)[0]  # type: ignore[union-attr]
        if not len(left):
            break
        for count, images in run(job.subset(left), restart).items():
            better = withstood[count][left]
            best[count] = best[count].index_copy(0, left[better], images[better])
    return best


def _make_rule(job: AttackJob, settings: IterativeSettings) -> Rule:
    eps = settings.eps * job.scale
    step_size = settings.step_size * job.scale if settings.step_size is not None else STEP_SHARE * eps
    momentum = settings.decay if isinstance(settings, MifgsmSettings) else None
    sparse = isinstance(settings, SparseL1Settings)
    norm: Norm = SparseL1(settings.quantile) if isinstance(settings, SparseL1Settings) else NORMS[settings.norm]
    return Rule(norm, eps, step_size, momentum, job.stop_when_fooled, blocked=sparse)
