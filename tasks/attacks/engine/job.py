"""What a crafting function is given and what it returns."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from typing import cast

import torch
from torch import Tensor

from tasks.attacks.base import MethodSettings, TargetedSettings
from tasks.attacks.engine.fast_model import AttackedModel
from tasks.attacks.engine.norms import Norm
from tasks.registry import load_object
from tasks.seeds import make_generator

Crafted = dict[int, Tensor]
"""Number of steps -> adversarial images, float [N, C, H, W] in [0, 1]."""


@dataclass(frozen=True)
class AttackJob:
    """One batch to attack."""

    target: AttackedModel
    clean: Tensor
    """float [N, C, H, W] in [0, 1]."""
    labels: Tensor
    """int64 [N]."""
    counts: tuple[int, ...]
    """The numbers of steps to report; one for attacks that share no trajectory."""
    index: Tensor
    """int64 [N]: the place of each image in its split; random numbers are drawn for it, whatever the batch."""
    seed: int = 0
    stop_when_fooled: bool = True
    scale: float = 1.0
    """Pixels per unit of eps and step size."""
    targets: Tensor | None = None
    """int64 [N]: the classes to reach; null: any but the label."""

    def subset(self, chosen: Tensor) -> AttackJob:
        """The same for some of the images."""
        clean, labels, index = self.clean[chosen], self.labels[chosen], self.index[chosen.to(self.index.device)]
        targets = self.targets[chosen] if self.targets is not None else None
        return replace(self, clean=clean, labels=labels, index=index, targets=targets)

    def fooled(self, images: Tensor) -> Tensor:
        """bool [N]: which of these images [N, C, H, W] reach what the attack is after."""
        return self.target.fooled(images, self.labels, self.targets)

    def reached(self, images: Tensor, logits: Tensor) -> Tensor:
        """bool [N]: the same where the judge's logits [N, classes] are known."""
        return self.target.reached(images, logits, self.labels, self.targets)

    def withstood(self, images: Tensor) -> Tensor:
        """int64: the places of the images that do not."""
        return (~self.fooled(images)).nonzero(as_tuple=True)[0]


def with_target_classes(job: AttackJob, settings: MethodSettings) -> AttackJob:
    """The job with the classes to reach, where the settings ask for a target and none is chosen yet."""
    if job.targets is not None or not isinstance(settings, TargetedSettings) or not settings.targeted:
        return job
    with torch.no_grad():
        logits = job.target.judge(job.clean)
    classes = logits.shape[1]
    if settings.target_rule == "least_likely":
        chosen = logits.scatter(1, job.labels[:, None], torch.inf).argmin(1)
    elif settings.target_rule == "next":
        chosen = (job.labels + 1) % classes
    else:
        draws = [make_generator(job.seed, "target", place) for place in job.index.tolist()]
        offsets = [int(torch.randint(1, classes, (), generator=draw)) for draw in draws]
        chosen = (job.labels + torch.tensor(offsets, device=job.labels.device)) % classes
    return replace(job, targets=chosen)


def draw_random_starts(job: AttackJob, norm: Norm, eps: float, run: object) -> Tensor:
    """One random perturbation per image, the same whatever the batch, the order or the device.

    :param run: tells the draws of one attack apart, such as the number of the restart.
    """
    shape = job.clean.shape[1:]
    drawn = [norm.random(shape, eps, make_generator(job.seed, "start", run, place)) for place in job.index.tolist()]
    return torch.stack(drawn).to(job.clean.device)


def load_attack(settings: MethodSettings) -> Callable[[AttackJob, MethodSettings], Crafted]:
    """The function that crafts with these settings, at the targets they ask for; its module is imported now."""
    function = cast("Callable[[AttackJob, MethodSettings], Crafted]", load_object(type(settings).craft))
    return lambda job, settings: function(with_target_classes(job, settings), settings)


def run_worst_case(job: AttackJob, attempts: Iterable[Callable[[AttackJob], Tensor]]) -> Tensor:
    """Images [N, C, H, W] after a series of attacks, each on the survivors of those before.

    Images that fool the model unchanged stay unchanged; survivors of all are as the last attack left them.
    """
    images = job.clean.clone(memory_format=torch.preserve_format)
    left = job.withstood(images)
    for attempt in attempts:
        if not len(left):
            break
        survivors = job.subset(left)
        found = attempt(survivors)
        images[left] = found
        left = left[survivors.withstood(found)]
    return images


def find_smallest(job: AttackJob, attack: Callable[[AttackJob], Tensor]) -> Tensor:
    """Images [N, C, H, W] of an attack that looks for the smallest perturbation: clean where it found none.

    Images that fool the model unchanged stay unchanged and cost nothing. One that misses its target but is not seen
    as its label any more is kept: it counts against robust accuracy.
    """
    images = job.clean.clone(memory_format=torch.preserve_format)
    left = job.withstood(images)
    if len(left):
        attacked = job.subset(left)
        found = attack(attacked)
        success = attacked.fooled(found) | attacked.target.fooled(found, attacked.labels)
        images[left[success]] = found[success]
    return images
