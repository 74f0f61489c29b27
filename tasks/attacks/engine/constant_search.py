"""What Carlini-Wagner and EAD share: the search for the smallest constant, the weight of success beside the size.

Binary search as in Carlini and Wagner 2017 (arXiv 1608.04644), upward by factors of ten until a success is seen. Every
image has a constant, a progress and an end of its own, so that what it gets does not depend on the batch.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from tasks.attacks.base import ConstantSettings
from tasks.attacks.engine.attacked_model import LEAST_MARGIN, Question, compute_margin, count_chosen
from tasks.attacks.engine.job import AttackJob
from tasks.attacks.engine.norms import shape_per_image
from tasks.attacks.engine.places import find_places

LARGEST = 1e10
"""No constant is larger."""
PROGRESS = 0.9999
"""A lower loss is one below this share of what it was."""


@dataclass
class BestExamples:
    """The smallest success of every image so far."""

    images: Tensor
    """float [N, C, H, W]: clean where there is none."""
    sizes: Tensor
    """float [N]: infinite where there is none."""
    has_success: Tensor
    """bool [N]: whether there was one at the constant in use."""
    has_improved: Tensor
    """bool [N]: whether a smaller one was found since the last look at the progress."""

    @classmethod
    def make_empty(cls, images: Tensor) -> BestExamples:
        """No success yet.

        :param images: float [N, C, H, W]: what stands for an image until an attack has succeeded.
        """
        nothing = torch.zeros(len(images), dtype=torch.bool, device=images.device)
        return cls(images.clone(), torch.full(nothing.shape, torch.inf, device=images.device), nothing, nothing.clone())

    def could_improve(self, positions: Tensor, sizes: Tensor) -> Tensor:
        """Whether it matters if perturbations of these sizes succeed, bool [M].

        :param positions: of the images, int64 [M].
        :param sizes: float [M].
        """
        return (sizes < self.sizes[positions]) | ~self.has_success[positions]

    def record(self, positions: Tensor, pixels: Tensor, sizes: Tensor, success: Tensor) -> None:
        """Keep the successes that are smaller than those before.

        :param positions: of the images, int64 [M].
        :param pixels: float [M, C, H, W].
        :param sizes: float [M], in what the attack makes small.
        :param success: bool [M].
        """
        better = self._note(positions, sizes, success)
        # written to every position, as it was where it was better: a mask would make the host wait for the device
        self.images[positions] = torch.where(shape_per_image(better), pixels, self.images[positions])

    def foresee(self, positions: Tensor, sizes: Tensor, success: Tensor) -> BestExamples:
        """What would be known if such successes were recorded; the images are those of now.

        :param positions: of the images, int64 [M].
        :param sizes: float [M].
        :param success: bool [M].
        """
        noted = (values.clone() for values in (self.sizes, self.has_success, self.has_improved))
        after = BestExamples(self.images, *noted)
        after._note(positions, sizes, success)
        return after

    def _note(self, positions: Tensor, sizes: Tensor, success: Tensor) -> Tensor:
        """Which successes are smaller than those before, bool [M]."""
        self.has_success[positions] |= success
        better = success & (sizes < self.sizes[positions])
        self.sizes[positions] = torch.where(better, sizes, self.sizes[positions])
        self.has_improved[positions] |= better
        return better


Descend = Callable[[AttackJob, Tensor, BestExamples], None]
"""(images, constants float [N], where to record successes): one minimisation."""


def search_constants(job: AttackJob, settings: ConstantSettings, descend: Descend) -> Tensor:
    """The smallest successes over all constants, float [N, C, H, W]; clean where there is none."""
    best = BestExamples.make_empty(job.clean)
    constants = torch.full_like(best.sizes, settings.initial_const)
    low, high = torch.zeros_like(constants), torch.full_like(constants, torch.inf)
    for turn in range(settings.binary_search_steps):
        if turn == settings.binary_search_steps - 1 >= 9:
            constants = high.clamp_max(LARGEST)  # where success was last seen, once more
        best.has_success, best.has_improved = (torch.zeros_like(best.has_success) for _ in range(2))
        descend(job, constants, best)
        high, low = torch.where(best.has_success, constants, high), torch.where(best.has_success, low, constants)
        constants = torch.where(high.isinf(), constants * 10, (low + high) / 2)
    return best.images


def compute_shortfall(job: AttackJob, logits: Tensor, confidence: float) -> Tensor:
    """By how much the logit margin falls short of the confidence, float [N]; 0 where it does not.

    The loss f of Carlini and Wagner 2017 (arXiv 1608.04644, section V-A).

    :param logits: float [N, classes], with a graph.
    """
    beyond = 2 * LEAST_MARGIN * logits.detach().abs().amax(1)  # an image at rest on the boundary would fool nobody
    shortfall: Tensor = (confidence + beyond - compute_margin(logits, job.labels, job.target_classes)).clamp_min(0)
    return shortfall


def has_margin(job: AttackJob, pixels: Tensor, logits: Tensor, confidence: float) -> Tensor:
    """Which images are adversarial by a logit margin above the confidence, bool [N].

    :param pixels: float [N, C, H, W] in [0, 1].
    :param logits: the judge's answer to them, float [N, classes].
    """
    return judge_margin(job, pixels, logits, confidence, count_chosen)[0]


def judge_margin(
    job: AttackJob, pixels: Tensor, logits: Tensor, confidence: float, question: Question
) -> tuple[Tensor, list[int]]:
    """The same, bool [N], and what the host wants to know then, in one wait.

    :param pixels: float [N, C, H, W] in [0, 1].
    :param logits: the judge's answer to them, float [N, classes].
    """
    if not confidence:
        return job.judge_and_ask(pixels, question, logits)
    beyond = compute_margin(logits, job.labels, job.target_classes) > confidence
    found, answers = job.judge_and_ask(pixels, lambda found: question(found & beyond), logits)
    return found & beyond, answers


def sum_squares(delta: Tensor) -> Tensor:
    """The sum of squares of each perturbation: [N, C, H, W] -> [N]."""
    return delta.square().sum((1, 2, 3))


class EarlyAbort:
    """Gives up images that stopped to improve, by a lower loss or a smaller success, after every tenth of the steps."""

    def __init__(self, settings: ConstantSettings, best: BestExamples) -> None:
        self._every = -(-settings.steps // 10) if settings.abort_early else 0
        self._best, self._before = best, torch.full_like(best.sizes, torch.inf)

    def looks_at(self, step: int) -> bool:
        """Whether images may be given up after this step."""
        return bool(self._every) and step % self._every == 0

    def find_improving(self, step: int, positions: Tensor, loss: Tensor) -> Tensor | None:
        """The places of the images that go on, int64 [n]; null where nobody is looked at, or all go on.

        :param positions: of the images still under attack, int64 [M].
        :param loss: of these images, float [M].
        """
        if not self.looks_at(step):
            return None
        improving = (loss <= PROGRESS * self._before[positions]) | self._best.has_improved[positions]
        self._best.has_improved[positions] = False
        self._before[positions] = loss
        count = int(improving.sum())
        return None if count == len(positions) else find_places(improving, count)
