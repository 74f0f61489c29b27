"""FAB-T: walk along the boundary toward the image (Croce and Hein 2020, arXiv 1907.02044), one target class a run."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import torch
from torch import Tensor

from tasks.attacks.engine.attacked_model import count_chosen
from tasks.attacks.engine.job import AttackJob, ExamplesBySteps, find_smallest
from tasks.attacks.engine.losses import rank_likeliest_others
from tasks.attacks.engine.norms import NORMS, shape_per_image
from tasks.attacks.engine.places import find_places
from tasks.attacks.fab.projections import project_to_hyperplane
from tasks.attacks.fab.settings import FabTSettings

PULL = 0.1
"""The largest share of a step that goes toward the image: alpha_max of the paper."""
OVERSHOOT = 1.05
"""eta of the paper."""
BACK = 0.9
"""How far from the image a walk goes on after it has crossed the boundary: beta of the paper."""


def craft_fab_t(job: AttackJob, settings: FabTSettings) -> ExamplesBySteps:
    """The images of the smallest perturbations found toward any target class, [N, C, H, W] in [0, 1]."""
    return {job.step_counts[0]: find_smallest(job, lambda job: _find_nearest(job, settings))}


def _find_nearest(job: AttackJob, settings: FabTSettings) -> Tensor:
    measure = NORMS[settings.norm].size
    others = rank_likeliest_others(job, settings.targets)
    best, best_sizes = job.clean.clone(), torch.full((len(job.labels),), torch.inf, device=job.clean.device)
    for rank in range(others.shape[1]):
        images = walk_to_boundary(job, others[:, rank], settings)
        sizes = torch.where(job.is_adversarial(images), measure(images - job.clean), torch.inf)
        closer = sizes < best_sizes
        best = torch.where(shape_per_image(closer), images, best)
        best_sizes = torch.where(closer, sizes, best_sizes)
    return best


def run_toward_target(job: AttackJob, settings: FabTSettings, eps: float, rank: int) -> Tensor:
    """One run toward one of the likeliest classes; float [N, C, H, W], clean where nothing was found in the budget.

    :param eps: the budget in pixels of [0, 1].
    :param rank: the place of the class among the likeliest after the label, from 0.
    """
    images = walk_to_boundary(job, rank_likeliest_others(job, settings.targets)[:, rank], settings, eps)
    near = NORMS[settings.norm].size(images - job.clean) <= eps
    return torch.where(shape_per_image(near), images, job.clean)


def walk_to_boundary(job: AttackJob, target_classes: Tensor, settings: FabTSettings, enough: float = 0.0) -> Tensor:
    """The nearest adversarial images on the walk toward a class, float [N, C, H, W]; clean where there is none
    (algorithm 1 of the paper, against one class).

    :param target_classes: int64 [N].
    :param enough: an image whose perturbation is this small, in pixels of [0, 1], leaves the batch.
    """
    measure = NORMS[settings.norm].size
    out, best_sizes = job.clean.clone(), torch.full((len(job.labels),), torch.inf, device=job.clean.device)
    positions, pixels = torch.arange(len(out), device=out.device), job.clean
    project = partial(_project_points, norm=settings.norm)
    for _ in range(settings.steps):
        pixels = _take_step(job, pixels, target_classes, measure, project)
        sizes = measure(pixels - job.clean)
        is_adversarial, (count,) = job.judge_and_ask(
            pixels, partial(_count_staying, sizes, best_sizes[positions], enough)
        )
        sizes = torch.where(is_adversarial, sizes, torch.inf)
        closer = sizes < best_sizes[positions]
        out[positions] = torch.where(shape_per_image(closer), pixels, out[positions])
        best_sizes[positions] = torch.where(closer, sizes, best_sizes[positions])
        pixels = torch.where(shape_per_image(is_adversarial), job.clean + BACK * (pixels - job.clean), pixels)
        if not count:
            break
        if count < len(positions):
            kept = find_places(best_sizes[positions] > enough, count)
            job, target_classes = job.select(kept), target_classes[kept]
            positions, pixels = positions[kept], pixels[kept]
    return out


def _count_staying(sizes: Tensor, best_sizes: Tensor, enough: float, is_adversarial: Tensor) -> Tensor:
    """How many images stay in the batch once these successes are kept, int64 [1].

    :param sizes: of the perturbations, float [N], as those of the best.
    :param is_adversarial: bool [N].
    """
    return count_chosen(torch.where(is_adversarial & (sizes < best_sizes), sizes, best_sizes) > enough)


def _take_step(
    job: AttackJob,
    pixels: Tensor,
    target_classes: Tensor,
    measure: Callable[[Tensor], Tensor],
    project: Callable[..., Tensor],
) -> Tensor:
    """A step onto the linearised boundary, partly from where the walk is and partly from the image."""
    pixels = pixels.detach().requires_grad_(True)
    with torch.enable_grad():
        logits = job.model.judge(pixels)
        ahead = (logits.gather(1, target_classes[:, None]) - logits.gather(1, job.labels[:, None]))[:, 0]
        (normal,) = torch.autograd.grad(ahead.sum(), pixels)
    pixels = pixels.detach()
    offset = (normal * pixels).flatten(1).sum(1) - ahead.detach()
    here, there = project(pixels, normal, offset), project(job.clean, normal, offset)
    from_here, from_clean = measure(here).clamp_min(1e-8), measure(there).clamp_min(1e-8)
    pull = shape_per_image((from_here / (from_here + from_clean)).clamp(0, PULL))
    moved = (pixels + OVERSHOOT * here) * (1 - pull) + (job.clean + OVERSHOOT * there) * pull
    return moved.clamp_(0, 1)


def _project_points(points: Tensor, normal: Tensor, offset: Tensor, norm: str) -> Tensor:
    change = project_to_hyperplane(points.flatten(1), normal.flatten(1), offset, norm)
    return change.view_as(points.contiguous())
