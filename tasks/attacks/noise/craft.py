"""Uniform noise: the baseline that every attack must beat."""

from __future__ import annotations

from functools import partial

from torch import Tensor

from tasks.attacks.engine.job import AttackJob, Crafted, draw_random_starts, run_worst_case
from tasks.attacks.engine.norms import NORMS
from tasks.attacks.noise.settings import UniformSettings


def craft_uniform(job: AttackJob, settings: UniformSettings) -> Crafted:
    """Draws from the ball, clamped to [0, 1], until one fools the model."""
    eps = settings.eps * job.scale

    def drawn(job: AttackJob, draw: int) -> Tensor:
        return (job.clean + draw_random_starts(job, NORMS[settings.norm], eps, draw)).clamp_(0, 1)

    return {job.counts[0]: run_worst_case(job, (partial(drawn, draw=draw) for draw in range(settings.draws)))}
