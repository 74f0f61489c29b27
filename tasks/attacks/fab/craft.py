"""FAB along the nearest boundary, or toward one target class a walk (Croce and Hein 2020, arXiv 1907.02044)."""

from __future__ import annotations

import torch
from torch import Tensor

from tasks.attacks.engine.job import AttackJob, ExamplesBySteps, find_smallest
from tasks.attacks.engine.losses import rank_likeliest_others
from tasks.attacks.engine.norms import NORMS, shape_per_image
from tasks.attacks.fab.settings import FabSettings, FabTSettings
from tasks.attacks.fab.walk import Walk, go_on, walk_to_boundary


def craft_fab(job: AttackJob, settings: FabSettings) -> ExamplesBySteps:
    """The images of the smallest perturbations found on one walk, [N, C, H, W] in [0, 1].

    Every step is onto the nearest of the linearised boundaries.
    """

    def attack(job: AttackJob) -> Tensor:
        return walk_to_boundary(job, rank_likeliest_others(job, settings.candidates - 1), settings)

    return {job.step_counts[0]: find_smallest(job, attack)}


def craft_fab_t(job: AttackJob, settings: FabTSettings) -> ExamplesBySteps:
    """The images of the smallest perturbations found toward any target class, [N, C, H, W] in [0, 1]."""
    return {job.step_counts[0]: find_smallest(job, lambda job: _find_nearest(job, settings))}


def _find_nearest(job: AttackJob, settings: FabTSettings) -> Tensor:
    others = rank_likeliest_others(job, settings.targets)
    walks = [Walk.start(job, others[:, rank, None]) for rank in range(others.shape[1])]
    for count, steps in plan_rounds(len(walks), settings):
        walks = keep_nearest(job, walks, count, settings.norm)
        for walk in walks:
            go_on(job, walk, settings.norm, steps)
    return keep_nearest(job, walks, 1, settings.norm)[0].found


def plan_rounds(targets: int, settings: FabTSettings) -> list[tuple[int, int]]:
    """How many walks there are in each round, and the steps of each walk.

    All rounds take the same number of steps in all, and one third of the walks goes on from each to the next.
    """
    counts = [targets]
    while settings.narrows and counts[-1] > 1:
        counts.append(-(-counts[-1] // 3))
    return [(count, max(1, targets * settings.steps // (len(counts) * count))) for count in counts]


def keep_nearest(job: AttackJob, walks: list[Walk], count: int, norm: str) -> list[Walk]:
    """For each image the walks of the smallest successes, the smallest first; those without one come last, by how far
    they are from the image. All as they are where none is given up."""
    if count == len(walks):
        return walks
    far = torch.stack([NORMS[norm].size(walk.pixels - job.clean) for walk in walks])
    sizes = torch.stack([walk.sizes for walk in walks])
    places = far.argsort(dim=0, stable=True)
    places = places.gather(0, sizes.gather(0, places).argsort(dim=0, stable=True))
    images = torch.arange(len(job.labels), device=places.device)

    def pick(parts: list[Tensor], place: Tensor) -> Tensor:
        return torch.stack(parts)[place, images]

    rivals, pixels, found = ([getattr(walk, name) for walk in walks] for name in ("rivals", "pixels", "found"))
    return [
        Walk(pick(rivals, place), pick(pixels, place), pick(found, place), sizes[place, images])
        for place in places[:count]
    ]


def run_toward_target(job: AttackJob, settings: FabTSettings, eps: float, rank: int) -> Tensor:
    """One run toward one of the likeliest classes; float [N, C, H, W], clean where nothing was found in the budget.

    :param eps: the budget in pixels of [0, 1].
    :param rank: the place of the class among the likeliest after the label, from 0.
    """
    images = walk_to_boundary(job, rank_likeliest_others(job, settings.targets)[:, rank, None], settings, eps)
    near = NORMS[settings.norm].size(images - job.clean) <= eps
    return torch.where(shape_per_image(near), images, job.clean)
