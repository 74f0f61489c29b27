"""EAD: accelerated shrinkage and thresholding toward few and small changes (Chen et al. 2018, arXiv 1709.04114)."""

from __future__ import annotations

import torch
from torch import Tensor

from tasks.attacks.ead.settings import EadSettings
from tasks.attacks.engine.constant_search import (
    BestExamples,
    EarlyAbort,
    compute_shortfall,
    has_margin,
    search_constants,
    sum_squares,
)
from tasks.attacks.engine.job import AttackJob, ExamplesBySteps, find_smallest


def craft_ead(job: AttackJob, settings: EadSettings) -> ExamplesBySteps:
    """The images of the perturbations found that are smallest by the decision rule, [N, C, H, W] in [0, 1]
    (algorithm 1 of the paper)."""

    def descend(job: AttackJob, constants: Tensor, best: BestExamples) -> None:
        _run_descent(job, settings, constants, best)

    return {job.step_counts[0]: find_smallest(job, lambda job: search_constants(job, settings, descend))}


def _run_descent(job: AttackJob, settings: EadSettings, constants: Tensor, best: BestExamples) -> None:
    """One minimisation from the image itself; an image without progress leaves."""
    positions = torch.arange(len(constants), device=constants.device)
    pixels, ahead = job.clean, job.clean
    progress = EarlyAbort(settings, best)
    for step in range(settings.steps):
        ahead = ahead.detach().requires_grad_(True)
        with torch.enable_grad():
            shortfall = compute_shortfall(job, job.model.judge(ahead), settings.confidence)
            loss = constants * shortfall + sum_squares(ahead - job.clean)
            (gradient,) = torch.autograd.grad(loss.sum(), ahead)
        rate = settings.step_size * (1 - step / settings.steps) ** 0.5
        before, pixels = pixels, _shrink(ahead.detach() - rate * gradient, job.clean, settings.regularization)
        ahead = pixels + step / (step + 3) * (pixels - before)
        _record_successes(job, settings, positions, pixels, best)
        # what the threshold holds back at first it holds back for ever: the rate only falls
        kept = progress.find_improving(step, positions, loss.detach()) if step else _find_changed(pixels, job.clean)
        if kept is not None:
            if not kept.any():
                return
            job, positions, constants = job.select(kept), positions[kept], constants[kept]
            pixels, ahead = pixels[kept], ahead[kept]


def _record_successes(
    job: AttackJob, settings: EadSettings, positions: Tensor, pixels: Tensor, best: BestExamples
) -> None:
    """Ask the judge about the images whose answer matters."""
    sizes = _measure_size(pixels - job.clean, settings)
    asked = best.could_improve(positions, sizes).nonzero(as_tuple=True)[0]
    if not len(asked):
        return
    job, pixels = job.select(asked), pixels[asked]
    with torch.no_grad():
        logits = job.model.judge(pixels)
    best.record(positions[asked], pixels, sizes[asked], has_margin(job, pixels, logits, settings.confidence))


def _find_changed(pixels: Tensor, clean: Tensor) -> Tensor:
    """bool [N]."""
    return pixels.ne(clean).flatten(1).any(1)


def _shrink(pixels: Tensor, clean: Tensor, threshold: float) -> Tensor:
    """Changes up to the threshold become none, larger ones smaller by it; within [0, 1]."""
    change = pixels - clean
    larger = torch.where(change > threshold, (pixels - threshold).clamp_max(1), clean)
    return torch.where(change < -threshold, (pixels + threshold).clamp_min(0), larger)


def _measure_size(delta: Tensor, settings: EadSettings) -> Tensor:
    """What the smallest perturbation is the smallest in, [N]."""
    total = delta.abs().sum((1, 2, 3))
    return total if settings.decision_rule == "L1" else settings.regularization * total + sum_squares(delta)
