"""The Jacobian saliency map attack, for whole batches: few values, each changed all the way.

Targeted (Papernot et al. 2016, arXiv 1511.07528) needs two vector-Jacobian products a step, whatever the number of
classes: of the target's logit and of the sum of all. Untargeted follows the margin of the label and needs one.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import partial

import torch
from torch import Tensor

from tasks.attacks.engine.attacked_model import count_chosen
from tasks.attacks.engine.job import AttackJob, ExamplesBySteps, find_smallest
from tasks.attacks.engine.places import find_places
from tasks.attacks.jsma.saliency import find_best_pairs
from tasks.attacks.jsma.settings import JsmaSettings

WHITE = 0.99
"""A value above it cannot be raised any more, one below 1 - WHITE cannot be lowered."""

ChangeRule = Callable[[AttackJob, Tensor, Tensor, Tensor], tuple[Tensor, Tensor]]
"""(images under attack, pixels [N, C, H, W], logits with a graph, changed before bool [N, F])
-> values to change bool [N, F] and what they become [N, F]; an image with no value to change is given up."""


def craft_jsma(job: AttackJob, settings: JsmaSettings) -> ExamplesBySteps:
    """The first images that fool the model, [N, C, H, W] in [0, 1]; clean where `gamma` of the values is not enough."""
    if settings.targeted:
        per_step, change = 2, _change_pairs(settings.theta)
    else:
        per_step, change = settings.values_per_step, _change_steepest(settings.values_per_step)
    return {job.step_counts[0]: find_smallest(job, lambda job: _change_values(job, settings, per_step, change))}


def _change_values(job: AttackJob, settings: JsmaSettings, per_step: int, change: ChangeRule) -> Tensor:
    """Change values step by step; an image leaves when it fools the model or nothing may be changed."""
    features = job.clean[0].numel()
    out = job.clean.clone()
    positions = torch.arange(len(out), device=out.device)
    pixels, changed = job.clean, torch.zeros(len(out), features, dtype=torch.bool, device=out.device)
    limit = math.ceil(features * settings.gamma / per_step)
    for step in range(limit + 1):
        pixels = pixels.detach().requires_grad_(True)
        with torch.enable_grad():
            out[positions] = pixels.detach()
            if step == limit:
                break
            logits = job.model.judge(pixels)
            chosen, values = change(job, pixels, logits, changed)
        changes = chosen.any(1)
        fooled, (count,) = job.judge_and_ask(pixels, partial(_count_staying, changes), logits)
        if not count:
            break
        kept = find_places(changes & ~fooled, count)
        pixels = torch.where(chosen, values, pixels.detach().flatten(1)).view(pixels.shape)[kept]
        job, positions, changed = job.select(kept), positions[kept], (changed | chosen)[kept]
    return out


def _count_staying(changes: Tensor, fooled: Tensor) -> Tensor:
    """How many images are not fooled and can be changed, int64 [1]; bool [N] each."""
    return count_chosen(changes & ~fooled)


def _change_pairs(theta: float) -> ChangeRule:
    """The pair that the saliency map rates highest, both changed by theta."""
    sign = math.copysign(1, theta)

    def change(job: AttackJob, pixels: Tensor, logits: Tensor, changed: Tensor) -> tuple[Tensor, Tensor]:
        assert job.target_classes is not None
        target_logit = logits.gather(1, job.target_classes[:, None])
        (gain,) = torch.autograd.grad(target_logit.sum(), pixels, retain_graph=True)
        (total,) = torch.autograd.grad(logits.sum(), pixels)
        values, gain, total = pixels.detach().flatten(1), sign * gain.flatten(1), sign * total.flatten(1)
        fixed = values >= WHITE if sign > 0 else values <= 1 - WHITE
        pairs = find_best_pairs(gain.masked_fill(fixed, -torch.inf), (gain - total).masked_fill(fixed, -torch.inf))
        chosen = torch.zeros_like(changed).scatter_(1, torch.stack([pairs.first, pairs.second], 1), True)
        return chosen & pairs.found[:, None], (values + theta).clamp_(0, 1)

    return change


def _change_steepest(count: int) -> ChangeRule:
    """The values whose move to a bound of [0, 1] lowers the margin of the label most, to first order."""

    def change(job: AttackJob, pixels: Tensor, logits: Tensor, changed: Tensor) -> tuple[Tensor, Tensor]:
        label = logits.gather(1, job.labels[:, None])[:, 0]
        rival = logits.scatter(1, job.labels[:, None], -torch.inf).amax(1)
        (gradient,) = torch.autograd.grad((label - rival).sum(), pixels)
        slope, values = gradient.flatten(1), pixels.detach().flatten(1)
        bound = (slope < 0).to(values.dtype)
        drop = (slope * (values - bound)).masked_fill(changed, -torch.inf)
        best = drop.topk(min(count, drop.shape[1]), dim=1)
        chosen = torch.zeros_like(changed).scatter_(1, best.indices, best.values > 0)
        return chosen, bound

    return change
