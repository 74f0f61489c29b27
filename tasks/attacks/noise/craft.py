"""Uniform noise: the baseline that every attack must beat."""

from __future__ import annotations

from functools import partial

from torch import Tensor

from tasks.attacks.engine.job import AttackJob, ExamplesBySteps, draw_random_starts, run_worst_case
from tasks.attacks.engine.norms import NORMS
from tasks.attacks.noise.settings import UniformSettings


def craft_uniform(job: AttackJob, settings: UniformSettings) -> ExamplesBySteps:
    """Draws from the ball, clamped to [0, 1], until one fools the model; images [N, C, H, W]."""
    eps = settings.eps * job.scale

    def add_noise(job: AttackJob, draw: int) -> Tensor:
        return (job.clean + draw_random_starts(job, NORMS[settings.norm], eps, draw)).clamp_(0, 1)

    return {job.step_counts[0]: run_worst_case(job, (partial(add_noise, draw=draw) for draw in range(settings.draws)))}
