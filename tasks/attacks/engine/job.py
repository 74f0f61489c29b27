"""What a crafting function is given and what it returns."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from typing import cast

import torch
from torch import Tensor, nn

from tasks.attacks.base import MethodSettings, TargetedSettings
from tasks.attacks.engine.attacked_model import AttackedModel, Question, count_chosen
from tasks.attacks.engine.norms import Norm
from tasks.attacks.engine.path import AttackPath
from tasks.attacks.engine.places import divide_places
from tasks.registry import load_object
from tasks.seeds import make_generator
from tasks.transfer import send

ExamplesBySteps = dict[int, Tensor]
"""Number of steps -> adversarial images, float [N, C, H, W] in [0, 1]."""


@dataclass(frozen=True)
class AttackJob:
    """One batch to attack."""

    model: AttackedModel
    clean: Tensor
    """float [N, C, H, W] in [0, 1]."""
    labels: Tensor
    """int64 [N]."""
    step_counts: tuple[int, ...]
    """The numbers of steps to report; one for attacks that share no trajectory."""
    index: Tensor
    """int64 [N]: the place of each image in its split; random numbers are drawn for it, whatever the batch. On the
    host, or on the device once images were selected."""
    seed: int = 0
    stop_when_fooled: bool = True
    scale: float = 1.0
    """Pixels per unit of eps and step size."""
    target_classes: Tensor | None = None
    """int64 [N]: the classes to reach; null: any but the label."""
    generator: nn.Module | None = None
    """The generator that the attack's settings ask for, frozen; null: they ask for none."""
    path: AttackPath | None = None
    """Told by the attacks of the one loop how they went; null: nobody asks. A part of the images has none."""

    def copy_tensors(self) -> AttackJob:
        """The same job on images, labels and classes of its own: what an attack does to them in place is not judged."""
        wanted = None if self.target_classes is None else self.target_classes.clone()
        clean = self.clean.clone(memory_format=torch.preserve_format)
        return replace(self, clean=clean, labels=self.labels.clone(), index=self.index.clone(), target_classes=wanted)

    def select(self, chosen: Tensor) -> AttackJob:
        """The job for some of its images.

        :param chosen: their positions, int64 [M], or which they are, bool [N].
        """
        places = chosen.nonzero(as_tuple=True)[0] if chosen.dtype == torch.bool else chosen
        clean, labels = self.clean[places], self.labels[places]
        index = send(self.index, places.device)[places]  # on the device from here on: asking for places would wait
        wanted = self.target_classes[places] if self.target_classes is not None else None
        return replace(self, clean=clean, labels=labels, index=index, target_classes=wanted, path=None)

    def require_generator(self) -> nn.Module:
        """The generator, of an attack that has one."""
        assert self.generator is not None, "the settings of the attack name no generator"
        return self.generator

    def is_adversarial(self, images: Tensor, logits: Tensor | None = None) -> Tensor:
        """Which images the model takes for what the attack is after, bool [N].

        :param images: float [N, C, H, W] in [0, 1].
        :param logits: the judge's answer to them, float [N, classes], where it is known; null: it is asked.
        """
        return self.model.is_adversarial(images, self.labels, self.target_classes, logits=logits)

    def judge_and_ask(
        self, images: Tensor, question: Question, logits: Tensor | None = None
    ) -> tuple[Tensor, list[int]]:
        """The same, bool [N], and what the host wants to know next, in one wait; see `AttackedModel.judge_and_ask`.

        :param images: float [N, C, H, W] in [0, 1].
        :param logits: the judge's answer to them, float [N, classes], where it is known; null: it is asked.
        """
        return self.model.judge_and_ask(images, self.labels, self.target_classes, question, logits=logits)

    def robust_indices(self, images: Tensor) -> Tensor:
        """The positions of the images [N, C, H, W] that are not adversarial, int64 [M]."""
        fooled, (count,) = self.judge_and_ask(images, count_chosen)
        return divide_places(fooled, count)[0]


def with_target_classes(job: AttackJob, settings: MethodSettings) -> AttackJob:
    """The job with the classes to reach, where the settings ask for a target and none is chosen yet."""
    if job.target_classes is not None or not isinstance(settings, TargetedSettings) or not settings.targeted:
        return job
    with torch.no_grad():
        logits = job.model.judge(job.clean)
    classes = logits.shape[1]
    if settings.target_rule == "least_likely":
        chosen = logits.scatter(1, job.labels[:, None], torch.inf).argmin(1)
    elif settings.target_rule == "next":
        chosen = (job.labels + 1) % classes
    else:
        generators = [make_generator(job.seed, "target", index) for index in job.index.tolist()]
        offsets = [int(torch.randint(1, classes, (), generator=generator)) for generator in generators]
        chosen = (job.labels + torch.tensor(offsets, device=job.labels.device)) % classes
    return replace(job, target_classes=chosen)


def draw_random_starts(job: AttackJob, norm: Norm, eps: float, run: object) -> Tensor:
    """One random perturbation per image, the same whatever the batch, the order or the device; float [N, C, H, W].

    :param eps: the radius of the ball that is drawn from, in pixels of [0, 1].
    :param run: tells the draws of one attack apart, such as the number of the restart.
    """
    shape = job.clean.shape[1:]
    starts = [norm.random(shape, eps, make_generator(job.seed, "start", run, index)) for index in job.index.tolist()]
    return send(torch.stack(starts), job.clean.device)


def load_attack(settings: MethodSettings) -> Callable[[AttackJob, MethodSettings], ExamplesBySteps]:
    """The function that crafts with these settings, at the targets they ask for; its module is imported now.

    It may return images alone, which are then those after any number of steps.
    """
    function = cast(
        "Callable[[AttackJob, MethodSettings], ExamplesBySteps | Tensor]", load_object(type(settings).craft)
    )

    def craft(job: AttackJob, settings: MethodSettings) -> ExamplesBySteps:
        found = function(with_target_classes(job, settings), settings)
        return dict.fromkeys(job.step_counts, found) if isinstance(found, Tensor) else found

    return craft


def run_worst_case(job: AttackJob, attempts: Iterable[Callable[[AttackJob], Tensor]]) -> Tensor:
    """Images [N, C, H, W] after a series of attacks, each on the survivors of those before.

    Images that fool the model unchanged stay unchanged; survivors of all are as the last attack left them.
    """
    images = job.clean.clone(memory_format=torch.preserve_format)
    robust = job.robust_indices(images)
    for attempt in attempts:
        if not len(robust):
            break
        survivors = job.select(robust)
        crafted = attempt(survivors)
        images[robust] = crafted
        robust = robust[survivors.robust_indices(crafted)]
    return images


def find_smallest(job: AttackJob, attack: Callable[[AttackJob], Tensor]) -> Tensor:
    """Images [N, C, H, W] of an attack that looks for the smallest perturbation: clean where it found none.

    Images that fool the model unchanged stay unchanged and cost nothing. One that misses its target but is not seen
    as its label any more is kept: it counts against robust accuracy.
    """
    images = job.clean.clone(memory_format=torch.preserve_format)
    robust = job.robust_indices(images)
    if len(robust):
        attacked = job.select(robust)
        crafted = attack(attacked)
        success = attacked.is_adversarial(crafted) | attacked.model.is_adversarial(crafted, attacked.labels)
        images[robust[success]] = crafted[success]
    return images
