"""FAB-T: walk along the boundary toward the image (Croce and Hein 2020, arXiv 1907.02044), one target class a run."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import torch
from torch import Tensor

from tasks.attacks.engine.job import AttackJob, Crafted, find_smallest
from tasks.attacks.engine.losses import rank_likeliest_others
from tasks.attacks.engine.norms import NORMS, shape_per_image
from tasks.attacks.fab.projections import project_to_hyperplane
from tasks.attacks.fab.settings import FabTSettings

PULL = 0.1
"""The largest share of a step that goes toward the image: alpha_max of the paper."""
OVERSHOOT = 1.05
"""eta of the paper."""
BACK = 0.9
"""How far from the image a walk goes on after it has crossed the boundary: beta of the paper."""


def craft_fab_t(job: AttackJob, settings: FabTSettings) -> Crafted:
    """The smallest perturbation found toward any of the targets."""
    return {job.counts[0]: find_smallest(job, lambda job: _find_nearest(job, settings))}


def _find_nearest(job: AttackJob, settings: FabTSettings) -> Tensor:
    size = NORMS[settings.norm].size
    others = rank_likeliest_others(job, settings.targets)
    best, best_size = job.clean.clone(), torch.full((len(job.labels),), torch.inf, device=job.clean.device)
    for place in range(others.shape[1]):
        found = walk(job, others[:, place], settings)
        sized = torch.where(job.fooled(found), size(found - job.clean), torch.inf)
        closer = sized < best_size
        best[closer], best_size = found[closer], torch.where(closer, sized, best_size)
    return best


def run_toward_target(job: AttackJob, settings: FabTSettings, eps: float, place: int) -> Tensor:
    """One run toward the target at this place of the likeliest; clean where nothing was found within the budget."""
    found = walk(job, rank_likeliest_others(job, settings.targets)[:, place], settings, eps)
    near = NORMS[settings.norm].size(found - job.clean) <= eps
    return torch.where(shape_per_image(near), found, job.clean)


def walk(job: AttackJob, aim: Tensor, settings: FabTSettings, enough: float = 0.0) -> Tensor:
    """The nearest image of another class on the walk toward `aim` [N]; clean where the boundary was not crossed.

    :param enough: an image whose perturbation is this small leaves the batch.
    """
    size = NORMS[settings.norm].size
    out, sizes = job.clean.clone(), torch.full((len(aim),), torch.inf, device=aim.device)
    places, pixels = torch.arange(len(aim), device=aim.device), job.clean
    project = partial(_project_points, norm=settings.norm)
    for _ in range(settings.steps):
        pixels = _step(job, pixels, aim, size, project)
        fooled = job.fooled(pixels)
        sized = torch.where(fooled, size(pixels - job.clean), torch.inf)
        closer = sized < sizes[places]
        out[places[closer]], sizes[places[closer]] = pixels[closer], sized[closer]
        pixels = torch.where(shape_per_image(fooled), job.clean + BACK * (pixels - job.clean), pixels)
        going = sizes[places] > enough
        if not going.any():
            break
        if not going.all():
            job, aim, places, pixels = job.subset(going), aim[going], places[going], pixels[going]
    return out


def _step(
    job: AttackJob, pixels: Tensor, aim: Tensor, size: Callable[[Tensor], Tensor], project: Callable[..., Tensor]
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
    pull = shape_per_image((far / (far + farther)).clamp(0, PULL))
    moved = (pixels + OVERSHOOT * here) * (1 - pull) + (job.clean + OVERSHOOT * there) * pull
    return moved.clamp_(0, 1)


def _project_points(points: Tensor, normal: Tensor, offset: Tensor, norm: str) -> Tensor:
    change = project_to_hyperplane(points.flatten(1), normal.flatten(1), offset, norm)
    return change.view_as(points.contiguous())
