"""EAD: accelerated shrinkage and thresholding toward few and small changes (Chen et al. 2018, arXiv 1709.04114)."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from tasks.attacks.ead.settings import EadSettings
from tasks.attacks.engine.attacked_model import count_chosen
from tasks.attacks.engine.constant_search import (
    BestExamples,
    EarlyAbort,
    compute_shortfall,
    judge_margin,
    search_constants,
    sum_squares,
)
from tasks.attacks.engine.job import AttackJob, ExamplesBySteps, find_smallest
from tasks.attacks.engine.norms import shape_per_image
from tasks.attacks.engine.places import find_places


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
    progress, claims = EarlyAbort(settings, best), _Claims(settings, best)
    for step in range(settings.steps):
        ahead = ahead.detach().requires_grad_(True)
        with torch.enable_grad():
            shortfall = compute_shortfall(job, job.model.judge(ahead), settings.confidence)
            loss = constants * shortfall + sum_squares(ahead - job.clean)
            (gradient,) = torch.autograd.grad(loss.sum(), ahead)
        if settings.decision_rule == "L1":  # where the model is fooled, L2 pulls alone: thresholding finds less in L1
            gradient = torch.where(shape_per_image(shortfall.detach() > 0), gradient, 0.0)
        rate = settings.step_size * (1 - step / settings.steps) ** 0.5
        before, pixels = pixels, _shrink(ahead.detach() - rate * gradient, job.clean, settings.regularization)
        ahead = pixels + step / (step + 3) * (pixels - before)
        claims.add(job, positions, pixels)
        if step and progress.looks_at(step):
            claims.settle()
        # what the threshold holds back at first it holds back for ever: the rate only falls
        kept = progress.find_improving(step, positions, loss.detach()) if step else _find_changed(pixels, job.clean)
        if kept is not None:
            if not len(kept):
                break
            job, positions, constants = job.select(kept), positions[kept], constants[kept]
            pixels, ahead = pixels[kept], ahead[kept]
    claims.settle()


class _Claims:
    """Asks the judge about the images whose answer matters.

    Whose answer of a step matters follows from the answers of the step before: the host waits for both together.
    """

    def __init__(self, settings: EadSettings, best: BestExamples) -> None:
        self._settings, self._best = settings, best
        self._open: tuple[AttackJob, Tensor, Tensor, Tensor] | None = None  # job, positions, pixels, sizes

    def add(self, job: AttackJob, positions: Tensor, pixels: Tensor) -> None:
        """Images [N, C, H, W] after a step; what is not settled yet is."""
        sizes = _measure_size(pixels - job.clean, self._settings)
        count = self.settle(lambda best: count_chosen(best.could_improve(positions, sizes)))
        if count:
            asked = find_places(self._best.could_improve(positions, sizes), count)
            self._open = job.select(asked), positions[asked], pixels[asked], sizes[asked]

    def settle(self, question: Callable[[BestExamples], Tensor] = lambda best: count_chosen(best.has_success)) -> int:
        """Record the successes among the images that were added last, and answer a question about what is known then.

        :param question: what is known -> int64 [1].
        """
        if self._open is None:
            return int(question(self._best))
        job, positions, pixels, sizes = self._open
        self._open = None
        with torch.no_grad():
            logits = job.model.judge(pixels)
        success, (answer,) = judge_margin(
            job,
            pixels,
            logits,
            self._settings.confidence,
            lambda success: question(self._best.foresee(positions, sizes, success)),
        )
        self._best.record(positions, pixels, sizes, success)
        return answer


def _find_changed(pixels: Tensor, clean: Tensor) -> Tensor:
    """The places of the images that differ, int64 [n]."""
    changed = pixels.ne(clean).flatten(1).any(1)
    return find_places(changed, int(changed.sum()))


def _shrink(pixels: Tensor, clean: Tensor, threshold: float) -> Tensor:
    """Changes up to the threshold become none, larger ones smaller by it; within [0, 1]."""
    change = pixels - clean
    larger = torch.where(change > threshold, (pixels - threshold).clamp_max(1), clean)
    return torch.where(change < -threshold, (pixels + threshold).clamp_min(0), larger)


def _measure_size(delta: Tensor, settings: EadSettings) -> Tensor:
    """What the smallest perturbation is the smallest in, [N]."""
    total = delta.abs().sum((1, 2, 3))
    return total if settings.decision_rule == "L1" else settings.regularization * total + sum_squares(delta)
