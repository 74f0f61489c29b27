"""Diff-PGD (Xue et al. 2023, arXiv 2305.16494): sign steps on the pixels, along the gradient of the loss of what a
denoiser makes of them."""

from __future__ import annotations

import torch
from torch import Tensor

from tasks.attacks.diff_pgd.settings import DiffPgdSettings, DiffusionSettings, UnrestrictedDiffPgdSettings
from tasks.attacks.engine.job import AttackJob, ExamplesBySteps, run_worst_case
from tasks.attacks.engine.loop import compute_attack_loss
from tasks.generators.denoiser.network import remove_noise
from tasks.seeds import make_generator
from tasks.transfer import send


def craft_diff_pgd(job: AttackJob, settings: DiffusionSettings) -> ExamplesBySteps:
    """The first example of each image that fools the model, else the last, [N, C, H, W] in [0, 1]."""
    return {job.step_counts[0]: run_worst_case(job, [lambda survivors: _walk(survivors, settings)])}


def _walk(job: AttackJob, settings: DiffusionSettings) -> Tensor:
    """Algorithm 1 of the paper. Each image has one noise, drawn for it, in all its steps."""
    eps, step_size = _measure_steps(job, settings)
    noise, denoise = draw_noise(job), job.require_generator()
    images = job.clean.clone(memory_format=torch.preserve_format)
    active, pixels = torch.arange(len(images), device=images.device), job.clean
    for step in range(settings.steps + 1):
        moved = pixels.detach().requires_grad_(True)
        with torch.enable_grad():
            denoised = remove_noise(denoise, moved, noise[active], settings.noise_time, settings.denoising_steps)
            loss = compute_attack_loss(job.model(denoised.clamp(0, 1)), job.labels[active], None)
            (gradient,) = torch.autograd.grad(loss, moved)
        clean = job.clean[active]
        images[active] = keep_within(clean, denoised.detach(), eps)
        robust = job.select(active).robust_indices(images[active])
        if step == settings.steps or not len(robust):
            break
        stepped = pixels[robust] + step_size * gradient[robust].sign()
        active, pixels = active[robust], keep_within(clean[robust], stepped, eps)
    return images


def _measure_steps(job: AttackJob, settings: DiffusionSettings) -> tuple[float | None, float]:
    """Budget and step size in pixels of [0, 1]; no budget where there is no ball."""
    if isinstance(settings, UnrestrictedDiffPgdSettings):
        return None, settings.step_size
    assert isinstance(settings, DiffPgdSettings), type(settings)
    settings = settings.resolve_for_evaluation()
    assert settings.step_size is not None, "it is written out"
    return settings.eps * job.scale, settings.step_size * job.scale


def draw_noise(job: AttackJob) -> Tensor:
    """Standard normal noise for each image, the same whatever the batch; float [N, C, H, W]."""
    shape = job.clean.shape[1:]
    drawn = [torch.randn(shape, generator=make_generator(job.seed, "noise", index)) for index in job.index.tolist()]
    return send(torch.stack(drawn), job.clean.device)


def keep_within(clean: Tensor, images: Tensor, eps: float | None) -> Tensor:
    """The nearest images of [0, 1] within an Linf ball around the clean ones; without a ball, of [0, 1] alone.

    :param clean: float [N, C, H, W], as `images` and the result.
    """
    return (images if eps is None else clean + (images - clean).clamp(-eps, eps)).clamp(0, 1)
