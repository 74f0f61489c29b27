"""The walk of FAB along the boundary toward the image (Croce and Hein 2020, arXiv 1907.02044, algorithm 1)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

import torch
from torch import Tensor

from tasks.attacks.engine.attacked_model import ROUNDING, count_chosen
from tasks.attacks.engine.job import AttackJob
from tasks.attacks.engine.norms import DUAL, NORMS, shape_per_image
from tasks.attacks.engine.places import find_places
from tasks.attacks.fab.projections import project_to_hyperplane
from tasks.attacks.fab.settings import FabSettings, FabTSettings

PULL = 0.1
"""The largest share of a step that goes toward the image: alpha_max of the paper."""
OVERSHOOT = 1.05
"""eta of the paper."""
BEYOND = 1e-5
"""The lead at which steps aim, as a share of the largest logit: one that ended on the boundary itself would come ever
nearer and never fool the model."""
BACK = 0.9
"""How far from the image a walk goes on after it has crossed the boundary: beta of the paper."""


def walk_to_boundary(
    job: AttackJob, rivals: Tensor, settings: FabSettings | FabTSettings, enough: float = 0.0
) -> Tensor:
    """The nearest adversarial images on the walk toward the nearest of some classes, float [N, C, H, W]; clean where
    there is none (algorithm 1 of the paper).

    :param rivals: int64 [N, K]; with one class the walk is toward that.
    :param enough: an image whose perturbation is this small, in pixels of [0, 1], leaves the batch.
    """
    walk = Walk.start(job, rivals)
    go_on(job, walk, settings.norm, settings.steps, enough)
    return walk.found


@dataclass
class Walk:
    """Where one walk of each image is."""

    rivals: Tensor
    """int64 [N, K]: the classes of which it goes toward the nearest."""
    pixels: Tensor
    """float [N, C, H, W]; of an image that has left, where it was at first."""
    found: Tensor
    """float [N, C, H, W]: the nearest adversarial image on it; clean where there is none."""
    sizes: Tensor
    """float [N]: of its perturbation; infinite where there is none."""

    @classmethod
    def start(cls, job: AttackJob, rivals: Tensor) -> Walk:
        """At the images themselves.

        :param rivals: int64 [N, K].
        """
        sizes = torch.full((len(job.labels),), torch.inf, device=job.clean.device)
        return cls(rivals, job.clean, job.clean.clone(), sizes)


def go_on(job: AttackJob, walk: Walk, norm: str, steps: int, enough: float = 0.0) -> None:
    """Walk on by so many steps; an image whose perturbation is at most `enough` leaves."""
    measure, out, best_sizes = NORMS[norm].size, walk.found, walk.sizes
    positions, pixels, rivals = torch.arange(len(out), device=out.device), walk.pixels, walk.rivals
    linearise, project = partial(_linearise_nearest, norm=norm), partial(_project_points, norm=norm)
    for _ in range(steps):
        pixels = _take_step(job, pixels, partial(linearise, rivals=rivals), measure, project)
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
            job, rivals = job.select(kept), rivals[kept]
            positions, pixels = positions[kept], pixels[kept]
    if len(positions) == len(out):
        walk.pixels = pixels


def _count_staying(sizes: Tensor, best_sizes: Tensor, enough: float, is_adversarial: Tensor) -> Tensor:
    """How many images stay in the batch once these successes are kept, int64 [1].

    :param sizes: of the perturbations, float [N], as those of the best.
    :param is_adversarial: bool [N].
    """
    return count_chosen(torch.where(is_adversarial & (sizes < best_sizes), sizes, best_sizes) > enough)


def _take_step(
    job: AttackJob,
    pixels: Tensor,
    linearise: Callable[[AttackJob, Tensor], tuple[Tensor, Tensor]],
    measure: Callable[[Tensor], Tensor],
    project: Callable[..., Tensor],
) -> Tensor:
    """A step onto the linearised boundary, partly from where the walk is and partly from the image."""
    ahead, normal = linearise(job, pixels)
    pixels = pixels.detach()
    offset = (normal * pixels).flatten(1).sum(1) - ahead
    here, there = project(pixels, normal, offset), project(job.clean, normal, offset)
    from_here, from_clean = measure(here).clamp_min(1e-8), measure(there).clamp_min(1e-8)
    pull = shape_per_image((from_here / (from_here + from_clean)).clamp(0, PULL))
    moved = (pixels + OVERSHOOT * here) * (1 - pull) + (job.clean + OVERSHOOT * there) * pull
    return moved.clamp_(0, 1)


def _linearise_nearest(job: AttackJob, pixels: Tensor, rivals: Tensor, norm: str) -> tuple[Tensor, Tensor]:
    """The lead of a rival's logit over the label's, less what a success needs, [N], and its gradient, [N, C, H, W].

    Of the rival whose linearised boundary is the nearest, the first of several at one distance.

    :param rivals: int64 [N, K].
    """
    pixels = pixels.detach().requires_grad_(True)
    with torch.enable_grad():
        logits = job.model.judge(pixels)
        leads = logits.gather(1, rivals) - logits.gather(1, job.labels[:, None])
        needed = torch.where(leads > 0, ROUNDING, BEYOND)  # a lead that fools the judge alone is not enough
        aims = leads.detach() - needed * logits.detach().abs().amax(1, keepdim=True)
        last = rivals.shape[1] - 1
        normals = (
            torch.autograd.grad(leads[:, rank].sum(), pixels, retain_graph=rank < last)[0] for rank in range(last + 1)
        )
        ahead, normal = aims[:, 0], next(normals)
        nearest = _measure_distance(ahead, normal, norm) if last else ahead
        for rank, other in enumerate(normals, 1):
            distance = _measure_distance(aims[:, rank], other, norm)
            closer = distance < nearest
            nearest = torch.where(closer, distance, nearest)
            ahead = torch.where(closer, aims[:, rank], ahead)
            normal = torch.where(shape_per_image(closer), other, normal)
    return ahead, normal


def _measure_distance(ahead: Tensor, normal: Tensor, norm: str) -> Tensor:
    """How far the linearised boundary is, without regard to the box, [N]."""
    return ahead.abs() / NORMS[DUAL[norm]].size(normal).clamp_min(1e-12)


def _project_points(points: Tensor, normal: Tensor, offset: Tensor, norm: str) -> Tensor:
    change = project_to_hyperplane(points.flatten(1), normal.flatten(1), offset, norm)
    return change.view_as(points.contiguous())
