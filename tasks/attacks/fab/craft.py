"""FAB-T: walk along the boundary toward the image (Croce and Hein 2020, arXiv 1907.02044), one target class a run."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import torch
from torch import Tensor

from tasks.attacks.engine.job import Crafted, Job, smallest
from tasks.attacks.engine.losses import likeliest_others
from tasks.attacks.engine.norms import NORMS, per_image
from tasks.attacks.fab.projections import to_hyperplane
from tasks.attacks.fab.settings import FabTSettings

PULL = 0.1
"""The largest share of a step that goes toward the image: alpha_max of the paper."""
OVERSHOOT = 1.05
"""eta of the paper."""
BACK = 0.9
"""How far from the image a walk goes on after it has crossed the boundary: beta of the paper."""


def fab_t(job: Job, settings: FabTSettings) -> Crafted:
    """The smallest perturbation found toward any of the targets."""
    return {job.counts[0]: smallest(job, lambda job: _nearest(job, settings))}


def _nearest(job: Job, settings: FabTSettings) -> Tensor:
    size = NORMS[settings.norm].size
    others = likeliest_others(job, settings.targets)
    best, best_size = job.clean.clone(), torch.full((len(job.labels),), torch.inf, device=job.clean.device)
    for place in range(others.shape[1]):
        found = walk(job, others[:, place], settings)
        sized = torch.where(job.fooled(found), size(found - job.clean), torch.inf)
        closer = sized < best_size
        best[closer], best_size = found[closer], torch.where(closer, sized, best_size)
    return best


def within(job: Job, settings: FabTSettings, eps: float, place: int) -> Tensor:
    """One run toward the target at this place of the likeliest; clean where nothing was found within the budget."""
    found = walk(job, likeliest_others(job, settings.targets)[:, place], settings, eps)
    near = NORMS[settings.norm].size(found - job.clean) <= eps
    return torch.where(per_image(near), found, job.clean)


def walk(job: Job, aim: Tensor, settings: FabTSettings, enough: float = 0.0) -> Tensor:
    """The nearest image of another class on the walk toward `aim` [N]; clean where the boundary was not crossed.

    :param enough: an image whose perturbation is this small leaves the batch.
    """
    size = NORMS[settings.norm].size
    out, sizes = job.clean.clone(), torch.full((len(aim),), torch.inf, device=aim.device)
    places, pixels = torch.arange(len(aim), device=aim.device), job.clean
    project = partial(_projected, norm=settings.norm)
    for _ in range(settings.steps):
        pixels = _step(job, pixels, aim, size, project)
        fooled = job.fooled(pixels)
        sized = torch.where(fooled, size(pixels - job.clean), torch.inf)
        closer = sized < sizes[places]
        out[places[closer]], sizes[places[closer]] = pixels[closer], sized[closer]
        pixels = torch.where(per_image(fooled), job.clean + BACK * (pixels - job.clean), pixels)
        going = sizes[places] > enough
        if not going.any():
            break
        if not going.all():
            job, aim, places, pixels = job.subset(going), aim[going], places[going], pixels[going]
    return out


def _step(
    job: Job, pixels: Tensor, aim: Tensor, size: Callable[[Tensor], Tensor], project: Callable[..., Tensor]
) -> Tensor:
    """A step onto the linearised boundary, partly from where the walk is and partly from the image."""
    pixels = pixels.detach().requires_grad_(True)
    with torch.enable_grad():
        logits = job.target.judge(pixels)
        lead = (logits.gather(1, aim[:, None]) - logits.gather(1, job.labels[:, None]))[:, 0]
        (normal,) = torch.autograd.grad(lead.sum(), pixels)
    pixels = pixels.detach()
    offset = (normal * pixels).flatten(1).sum(1) - lead.detach()
    here, there = project(pixels, normal, offset), project(job.clean, normal, offset)
    far, farther = size(here).clamp_min(1e-8), size(there).clamp_min(1e-8)
    pull = per_image((far / (far + farther)).clamp(0, PULL))
    moved = (pixels + OVERSHOOT * here) * (1 - pull) + (job.clean + OVERSHOOT * there) * pull
    return moved.clamp_(0, 1)


def _projected(points: Tensor, normal: Tensor, offset: Tensor, norm: str) -> Tensor:
    change = to_hyperplane(points.flatten(1), normal.flatten(1), offset, norm)
    return change.view_as(points.contiguous())
