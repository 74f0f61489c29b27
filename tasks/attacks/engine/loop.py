"""The one attack loop: projected steps along the gradient, in any norm, for any set of step counts.

The state after k steps of a longer run is the run of k steps, so cells of a grid that differ only in their number of
steps are read off one trajectory. With `stop_when_fooled` an image that fools the judge leaves the batch.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

import torch
from torch import Tensor
from torch.nn import functional as F

from tasks.attacks.engine.fast_model import AttackedModel, compute_margin
from tasks.attacks.engine.norms import NORMS, Norm, shape_per_image

NEAR = 0.05
"""A bf16 margin within this share of the largest logit is too close to call: the fp32 judge decides."""


@dataclass(frozen=True)
class Rule:
    """How one trajectory moves."""

    norm: Norm
    eps: float
    step_size: float
    momentum: float | None = None
    """Decay of the accumulated gradient (Dong et al. 2018, arXiv 1710.06081); null: no accumulation."""
    stop_when_fooled: bool = True
    blocked: bool = False
    """Whether values at a bound of [0, 1] are left out of a gradient that pushes them beyond it."""

    def bounded(self, clean: Tensor, moved: Tensor) -> Tensor:
        """The nearest image within the budget and within [0, 1]."""
        return (clean + self.norm.project(moved - clean, self.eps)).clamp_(0, 1)


@dataclass
class _Batch:
    """The images still under attack, and their places in the whole batch."""

    places: Tensor
    clean: Tensor
    labels: Tensor
    targets: Tensor | None
    pixels: Tensor
    velocity: Tensor | None = None

    def keep(self, chosen: Tensor) -> None:
        for name in ("places", "clean", "labels", "targets", "pixels", "velocity"):
            value = getattr(self, name)
            if value is not None:
                setattr(self, name, value[chosen])


@dataclass
class Trajectory:
    """Images after each step count asked for."""

    counts: tuple[int, ...]
    current: Tensor
    at: dict[int, Tensor] = field(default_factory=dict)

    def record(self, step: int, batch: _Batch) -> None:
        """Note the state after so many steps; images that left stay as they were when they left."""
        if step in self.counts:
            self.current[batch.places] = batch.pixels
            self.at[step] = self.current.clone(memory_format=torch.preserve_format)


def attack_loss(logits: Tensor, labels: Tensor, targets: Tensor | None) -> Tensor:
    """What the attack raises: cross-entropy with the label, or its negative with the target."""
    if targets is None:
        return F.cross_entropy(logits, labels, reduction="sum")
    return -F.cross_entropy(logits, targets, reduction="sum")


def run_gradient_attack(
    target: AttackedModel,
    clean: Tensor,
    labels: Tensor,
    rule: Rule,
    counts: tuple[int, ...],
    *,
    start: Tensor | None = None,
    targets: Tensor | None = None,
    loss: Callable[[Tensor, Tensor, Tensor | None], Tensor] = attack_loss,
) -> dict[int, Tensor]:
    """Attack a batch; return the images after each number of steps in `counts`.

    :param clean: float [N, C, H, W] in [0, 1].
    :param labels: int64 [N].
    :param start: perturbations to start from, the shape of `clean`; null: none.
    :param targets: classes to reach, int64 [N]; null: untargeted.
    """
    begun = clean if start is None else rule.bounded(clean, clean + start)
    out = Trajectory(counts, begun.clone(memory_format=torch.preserve_format))
    batch = _Batch(torch.arange(len(clean), device=clean.device), clean, labels, targets, begun)
    for step in range(max(counts)):
        out.record(step, batch)
        gradient, fooled = _compute_gradient(target, batch, loss, verdict=rule.stop_when_fooled)
        if fooled is not None and fooled.any():
            out.current[batch.places[fooled]] = batch.pixels[fooled]
            batch.keep(~fooled)
            gradient = gradient[~fooled]
        if not len(batch.places):
            break
        _take_step(batch, gradient, rule)
    out.current[batch.places] = batch.pixels
    return {count: out.at.get(count, out.current) for count in counts}


def _take_step(batch: _Batch, gradient: Tensor, rule: Rule) -> None:
    if rule.momentum is not None:
        mean = NORMS["l1"].size(gradient) / gradient[0].numel()
        fresh = gradient / shape_per_image(mean.clamp_min(1e-12))
        batch.velocity = fresh if batch.velocity is None else rule.momentum * batch.velocity + fresh
        gradient = batch.velocity
    if rule.blocked:
        beyond = ((batch.pixels <= 0) & (gradient < 0)) | ((batch.pixels >= 1) & (gradient > 0))
        gradient = gradient.masked_fill(beyond, 0)
    batch.pixels = rule.bounded(batch.clean, batch.pixels + rule.step_size * rule.norm.direction(gradient))


def _compute_gradient(
    target: AttackedModel, batch: _Batch, loss: Callable[[Tensor, Tensor, Tensor | None], Tensor], verdict: bool
) -> tuple[Tensor, Tensor | None]:
    """The gradient of the loss for every image, and which images already fool the judge."""
    pixels = batch.pixels.detach().requires_grad_(True)
    with torch.enable_grad():
        logits = target.gradient(pixels)
        (gradient,) = torch.autograd.grad(loss(logits, batch.labels, batch.targets), pixels)
    if not verdict:
        return gradient, None
    return gradient, _judge_batch(target, batch, logits.detach())


def _judge_batch(target: AttackedModel, batch: _Batch, logits: Tensor) -> Tensor:
    """Who is fooled. Logits of less than fp32 only say whom to ask: an image leaves on the judge's word alone."""
    if target.exact:
        return target.reached(batch.pixels, logits, batch.labels, batch.targets)
    leads = compute_margin(logits, batch.labels, batch.targets)
    asked = (leads > -NEAR * logits.abs().amax(1)).nonzero(as_tuple=True)[0]
    fooled = torch.zeros_like(leads, dtype=torch.bool)
    if len(asked):
        wanted = batch.targets[asked] if batch.targets is not None else None
        fooled[asked] = target.fooled(batch.pixels[asked], batch.labels[asked], wanted)
    return fooled
