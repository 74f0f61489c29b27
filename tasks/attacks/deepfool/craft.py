"""DeepFool: steps onto the nearest linearised boundary (Moosavi-Dezfooli et al. 2016, arXiv 1511.04599)."""

from __future__ import annotations

import torch
from torch import Tensor

from tasks.attacks.deepfool.settings import DeepFoolSettings
from tasks.attacks.engine.attacked_model import count_chosen
from tasks.attacks.engine.job import AttackJob, ExamplesBySteps, find_smallest
from tasks.attacks.engine.losses import rank_likeliest_others
from tasks.attacks.engine.norms import shape_per_image
from tasks.attacks.engine.places import divide_places

FARTHER = 1e-4
"""Added to every distance, in pixels: a step that ended on the boundary would never end."""


def craft_deepfool(job: AttackJob, settings: DeepFoolSettings) -> ExamplesBySteps:
    """The first images beyond the boundary, [N, C, H, W] in [0, 1]; clean where `steps` were not enough (algorithm 2 of
    the paper)."""
    return {job.step_counts[0]: find_smallest(job, lambda job: _walk_to_boundary(job, settings))}


def _walk_to_boundary(job: AttackJob, settings: DeepFoolSettings) -> Tensor:
    """Add up steps until the model itself is fooled; an image leaves when it is. [N, C, H, W]."""
    out = job.clean.clone()
    rivals = rank_likeliest_others(job, settings.candidates - 1)
    positions, pixels = torch.arange(len(out), device=out.device), job.clean
    total = torch.zeros_like(out)
    for step in range(settings.steps + 1):
        pixels = pixels.detach().requires_grad_(True)
        with torch.enable_grad():
            logits = job.model.judge(pixels)
            fooled, (count,) = job.judge_and_ask(pixels, count_chosen, logits)
            out[positions] = pixels.detach()
            if step == settings.steps or count == len(positions):
                break
            move = _step_to_nearest(job, pixels, logits, rivals, settings.norm)
        robust, _ = divide_places(fooled, count)
        total = total[robust] + move[robust]
        job, rivals, positions = job.select(robust), rivals[robust], positions[robust]
        pixels = (job.clean + (1 + settings.overshoot) * total).clamp_(0, 1)
    return out


def _step_to_nearest(job: AttackJob, pixels: Tensor, logits: Tensor, rivals: Tensor, norm: str) -> Tensor:
    """The smallest step onto the linearised boundary with any of the rivals [N, K]: one backward pass for each."""
    label = logits.gather(1, job.labels[:, None])[:, 0]
    nearest = torch.full_like(label, torch.inf).detach()
    move = torch.zeros_like(pixels)
    for rank in range(rivals.shape[1]):
        ahead = logits.gather(1, rivals[:, rank, None])[:, 0] - label
        (slope,) = torch.autograd.grad(ahead.sum(), pixels, retain_graph=rank + 1 < rivals.shape[1])
        flat = slope.flatten(1)
        steepness = (flat.abs().sum(1) if norm == "linf" else torch.linalg.vector_norm(flat, dim=1)) + 1e-8
        distance = ahead.detach().abs() / steepness
        direction = slope.sign() if norm == "linf" else slope / shape_per_image(steepness)
        closer = distance < nearest
        nearest = torch.where(closer, distance, nearest)
        move = torch.where(shape_per_image(closer), shape_per_image(distance + FARTHER) * direction, move)
    return move.detach()
