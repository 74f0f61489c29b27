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

from tasks.attacks.engine.attacked_model import AttackedModel, compute_margin
from tasks.attacks.engine.norms import NORMS, Norm, shape_per_image
from tasks.attacks.engine.path import AttackPath
from tasks.attacks.engine.places import divide_places

CLOSE = 0.05
"""A bf16 margin within this share of the largest logit is too close to call: the fp32 judge decides."""

Loss = Callable[[Tensor, Tensor, Tensor | None], Tensor]
"""(logits [N, classes], labels [N], target classes [N] or null) -> what the attack raises, summed over the batch."""


@dataclass(frozen=True)
class StepRule:
    """How one trajectory moves; eps and step size in pixels of [0, 1]."""

    norm: Norm
    eps: float
    step_size: float
    momentum: float | None = None
    """Decay of the accumulated gradient (Dong et al. 2018, arXiv 1710.06081, equation 6); null: no accumulation."""
    stop_when_fooled: bool = True
    skip_saturated: bool = False
    """Whether values at a bound of [0, 1] are left out of a gradient that pushes them beyond it."""

    def project(self, clean: Tensor, pixels: Tensor) -> Tensor:
        """The images within the budget of the clean ones and within [0, 1] that are nearest; [N, C, H, W] each."""
        return (clean + self.norm.project(pixels - clean, self.eps)).clamp_(0, 1)


@dataclass
class _Batch:
    """The images still under attack, and their positions in the whole batch."""

    positions: Tensor
    clean: Tensor
    labels: Tensor
    target_classes: Tensor | None
    pixels: Tensor
    velocity: Tensor | None = None
    """The accumulated gradient."""

    def keep(self, chosen: Tensor) -> None:
        """Go on with the images at these places, int64 [n]."""
        for name in ("positions", "clean", "labels", "target_classes", "pixels", "velocity"):
            value = getattr(self, name)
            if value is not None:
                setattr(self, name, value[chosen])


@dataclass
class Trajectory:
    """Images after each step count asked for."""

    step_counts: tuple[int, ...]
    current: Tensor
    """float [N, C, H, W]: every image as it was when last written."""
    by_steps: dict[int, Tensor] = field(default_factory=dict)

    def record(self, step: int, batch: _Batch) -> None:
        """Note the state after so many steps; images that left stay as they were when they left."""
        if step in self.step_counts:
            self.current[batch.positions] = batch.pixels
            self.by_steps[step] = self.current.clone(memory_format=torch.preserve_format)


def compute_attack_loss(logits: Tensor, labels: Tensor, target_classes: Tensor | None) -> Tensor:
    """What the attack raises: cross-entropy with the label, or its negative with the target class.

    :param logits: float [N, classes].
    :param labels: int64 [N].
    :param target_classes: int64 [N]; null: untargeted.
    :return: float, the sum over the batch, so that no image's gradient depends on the others.
    """
    if target_classes is None:
        return F.cross_entropy(logits, labels, reduction="sum")
    return -F.cross_entropy(logits, target_classes, reduction="sum")


def run_gradient_attack(
    model: AttackedModel,
    clean: Tensor,
    labels: Tensor,
    rule: StepRule,
    step_counts: tuple[int, ...],
    *,
    start: Tensor | None = None,
    target_classes: Tensor | None = None,
    loss: Loss = compute_attack_loss,
    path: AttackPath | None = None,
) -> dict[int, Tensor]:
    """Attack a batch; return the images [N, C, H, W] after each number of steps in `step_counts`.

    :param clean: float [N, C, H, W] in [0, 1].
    :param labels: int64 [N].
    :param step_counts: at least one, each 1 or more.
    :param start: perturbations to start from, the shape of `clean`; null: none.
    :param target_classes: classes to reach, int64 [N]; null: untargeted.
    :param path: told what the model says before each step; null: nobody asks.
    """
    pixels = clean if start is None else rule.project(clean, clean + start)
    trajectory = Trajectory(step_counts, pixels.clone(memory_format=torch.preserve_format))
    batch = _Batch(torch.arange(len(clean), device=clean.device), clean, labels, target_classes, pixels)
    for step in range(max(step_counts)):
        trajectory.record(step, batch)
        gradient, logits = _compute_gradient(model, batch, loss)
        if path is not None:
            path.note(batch.positions, logits, batch.labels, batch.target_classes)
        is_adversarial, count = _judge_batch(model, batch, logits) if rule.stop_when_fooled else (None, 0)
        if is_adversarial is not None and count:
            kept, leaving = divide_places(is_adversarial, count)
            trajectory.current[batch.positions[leaving]] = batch.pixels[leaving]
            batch.keep(kept)
            gradient = gradient[kept]
        if not len(batch.positions):
            break
        _take_step(batch, gradient, rule)
    trajectory.current[batch.positions] = batch.pixels
    return {count: trajectory.by_steps.get(count, trajectory.current) for count in step_counts}


def _take_step(batch: _Batch, gradient: Tensor, rule: StepRule) -> None:
    if rule.momentum is not None:
        mean = NORMS["l1"].size(gradient) / gradient[0].numel()
        fresh = gradient / shape_per_image(mean.clamp_min(1e-12))
        batch.velocity = fresh if batch.velocity is None else rule.momentum * batch.velocity + fresh
        gradient = batch.velocity
    if rule.skip_saturated:
        beyond = ((batch.pixels <= 0) & (gradient < 0)) | ((batch.pixels >= 1) & (gradient > 0))
        gradient = gradient.masked_fill(beyond, 0)
    batch.pixels = rule.project(batch.clean, batch.pixels + rule.step_size * rule.norm.direction(gradient))


def _compute_gradient(model: AttackedModel, batch: _Batch, loss: Loss) -> tuple[Tensor, Tensor]:
    """The gradient of the loss for every image, and the logits [N, classes]."""
    pixels = batch.pixels.detach().requires_grad_(True)
    with torch.enable_grad():
        logits = model.gradient(pixels)
        (gradient,) = torch.autograd.grad(loss(logits, batch.labels, batch.target_classes), pixels)
    return gradient, logits.detach()


def _judge_batch(model: AttackedModel, batch: _Batch, logits: Tensor) -> tuple[Tensor, int]:
    """Which images fool the judge, bool [N], and how many.

    Logits of less than fp32 only say whom to ask: an image leaves on the judge's word alone.
    """
    if model.judges_its_gradients:
        return model.find_adversarial(batch.pixels, batch.labels, batch.target_classes, logits=logits)
    margin = compute_margin(logits, batch.labels, batch.target_classes)
    asked = (margin > -CLOSE * logits.abs().amax(1)).nonzero(as_tuple=True)[0]
    is_adversarial, count = torch.zeros_like(margin, dtype=torch.bool), 0
    if len(asked):
        wanted = batch.target_classes[asked] if batch.target_classes is not None else None
        is_adversarial[asked], count = model.find_adversarial(batch.pixels[asked], batch.labels[asked], wanted)
    return is_adversarial, count
