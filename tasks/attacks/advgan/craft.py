"""AdvGAN at test time (Xiao et al. 2018, arXiv 1801.02610): one pass of the generator."""

from __future__ import annotations

import torch

from tasks.attacks.advgan.settings import AdvGanSettings
from tasks.attacks.engine.job import AttackJob, ExamplesBySteps


def craft_advgan(job: AttackJob, settings: AdvGanSettings) -> ExamplesBySteps:
    """The images with what the generator adds to them, [N, C, H, W] in [0, 1]; those that fool the model unchanged stay
    unchanged."""
    eps = settings.eps * job.scale
    images = job.clean.clone(memory_format=torch.preserve_format)
    robust = job.robust_indices(images)
    with torch.no_grad():
        moved = job.clean[robust] + eps * job.require_generator()(job.clean[robust]).clamp(-1, 1)
    images[robust] = moved.clamp(0, 1)
    return {job.step_counts[0]: images}
