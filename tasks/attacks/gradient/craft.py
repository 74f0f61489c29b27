"""The attacks of the one loop: FGSM, I-FGSM, MI-FGSM, PGD and Sparse L1 descent."""

from __future__ import annotations

import torch

from tasks.attacks.engine.job import AttackJob, ExamplesBySteps, draw_random_starts
from tasks.attacks.engine.loop import StepRule, run_gradient_attack
from tasks.attacks.engine.norms import NORMS, Norm, SparseL1
from tasks.attacks.gradient.settings import (
    STEP_SHARE,
    FgsmSettings,
    IterativeSettings,
    MifgsmSettings,
    RestartedSettings,
    SparseL1Settings,
)


def craft_fgsm(job: AttackJob, settings: FgsmSettings) -> ExamplesBySteps:
    """The loop with one step of the size of the budget; images [N, C, H, W] in [0, 1]."""
    eps = settings.eps * job.scale
    rule = StepRule(NORMS[settings.norm], eps, eps, stop_when_fooled=job.stop_when_fooled)
    images = run_gradient_attack(job.model, job.clean, job.labels, rule, (1,), target_classes=job.target_classes)
    return {job.step_counts[0]: images[1]}


def craft_pgd(job: AttackJob, settings: IterativeSettings) -> ExamplesBySteps:
    """The loop from the image itself, or from random starts where the settings ask for them.

    A restart attacks the images that are robust at some step count yet; each keeps its first success. Images
    [N, C, H, W] in [0, 1] for each step count.
    """
    rule = make_rule(job, settings)
    random = isinstance(settings, RestartedSettings) and settings.random_start
    restarts = settings.restarts if isinstance(settings, RestartedSettings) and random else 1

    def run(job: AttackJob, restart: int) -> ExamplesBySteps:
        start = draw_random_starts(job, rule.norm, rule.eps, restart) if random else None
        wanted, path = job.target_classes, job.path
        return run_gradient_attack(
            job.model, job.clean, job.labels, rule, job.step_counts, start=start, target_classes=wanted, path=path
        )

    best = run(job, 0)
    first, last = best[max(best)], max(best)
    for restart in range(1, restarts):
        robust = {count: ~job.is_adversarial(images) for count, images in best.items()}
        attacked = torch.stack([*robust.values()]).any(0).nonzero(as_tuple=True)[0]
        if not len(attacked):
            break
        found = run(job.select(attacked), restart)
        if job.path is not None:
            fooled = robust[last][attacked] & job.select(attacked).is_adversarial(found[last])
            repeated = (found[last] == first[attacked]).flatten(1).all(1)
            job.path.note_restart(fooled, repeated)
        for count, images in found.items():
            replaced = robust[count][attacked]
            best[count] = best[count].index_copy(0, attacked[replaced], images[replaced])
    return best


def make_rule(job: AttackJob, settings: IterativeSettings) -> StepRule:
    """How the loop moves with these settings."""
    settings = settings.resolve_for_evaluation()
    eps = settings.eps * job.scale
    step_size = settings.step_size * job.scale if settings.step_size is not None else STEP_SHARE * eps
    momentum = settings.decay if isinstance(settings, MifgsmSettings) else None
    sparse = isinstance(settings, SparseL1Settings)
    norm: Norm = SparseL1(settings.quantile) if isinstance(settings, SparseL1Settings) else NORMS[settings.norm]
    return StepRule(norm, eps, step_size, momentum, job.stop_when_fooled, skip_saturated=sparse)
