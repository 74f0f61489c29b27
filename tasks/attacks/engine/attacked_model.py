"""What an attack asks of the model under attack: gradients, and who is fooled."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from tasks.attacks.engine.places import find_places

ROUNDING = 1e-3
"""A margin within this share of the largest logit may be one of the folded model alone: the model itself is asked."""
LEAST_MARGIN = 1e-6
"""The share of the largest logit that the margin of a success exceeds: below, the size of the batch may decide."""

Question = Callable[[Tensor], Tensor]
"""Which images are adversarial, bool [N] -> what the host wants to know then, int64 [n]; it changes nothing."""


def count_chosen(chosen: Tensor) -> Tensor:
    """How many are: bool [N] -> int64 [1]."""
    return chosen.sum()[None]


def compute_margin(logits: Tensor, labels: Tensor, target_classes: Tensor | None = None) -> Tensor:
    """Logit margin of the attack, float [N]: positive where it has succeeded.

    Untargeted: the largest logit of any other class minus that of the label; targeted: the logit of the target class
    minus the largest of all others. The loss f of Carlini and Wagner 2017 (arXiv 1608.04644, section V-A), negated.

    :param logits: float [N, classes].
    :param labels: int64 [N].
    :param target_classes: int64 [N]; null: untargeted.
    """
    wanted = labels if target_classes is None else target_classes
    own = logits.gather(1, wanted[:, None])[:, 0]
    others = logits.scatter(1, wanted[:, None], -torch.inf).amax(1)
    return others - own if target_classes is None else own - others


@dataclass(frozen=True)
class AttackedModel:
    """A model under attack: where gradients come from, and who judges."""

    gradient: nn.Module
    """Pixels float [N, C, H, W] of [0, 1] -> logits float [N, classes]; the source of gradients, perhaps in bf16."""
    judge: nn.Module
    """The same in fp32: no image counts as adversarial on the word of less."""
    original: nn.Module
    """The model itself, nothing folded: it has the last word where the judge is close to undecided."""
    is_prepared: bool = False
    """Whether gradients and verdicts come from a folded copy."""

    def __call__(self, pixels: Tensor) -> Tensor:
        """Logits float [N, classes] of pixels float [N, C, H, W] of [0, 1], with a gradient where one is asked for."""
        logits: Tensor = self.gradient(pixels)
        return logits

    @property
    def judges_its_gradients(self) -> bool:
        """Whether gradients and verdicts come from the same arithmetic."""
        return self.gradient is self.judge

    def is_adversarial(
        self, pixels: Tensor, labels: Tensor, target_classes: Tensor | None = None, *, logits: Tensor | None = None
    ) -> Tensor:
        """Whether the model predicts another class than the label, or the target class where one is given; bool [N].

        :param pixels: float [N, C, H, W] in [0, 1].
        :param labels: int64 [N].
        :param target_classes: int64 [N]; null: any class but the label.
        :param logits: the judge's answer to these pixels, float [N, classes], where it is known; null: it is asked.
        """
        return self.find_adversarial(pixels, labels, target_classes, logits=logits)[0]

    def find_adversarial(
        self, pixels: Tensor, labels: Tensor, target_classes: Tensor | None = None, *, logits: Tensor | None = None
    ) -> tuple[Tensor, int]:
        """The same, bool [N], and how many: the host waits once for both, unless images are close to undecided."""
        found, (count,) = self.judge_and_ask(pixels, labels, target_classes, count_chosen, logits=logits)
        return found, count

    def judge_and_ask(
        self,
        pixels: Tensor,
        labels: Tensor,
        target_classes: Tensor | None,
        question: Question,
        *,
        logits: Tensor | None = None,
    ) -> tuple[Tensor, list[int]]:
        """The same, bool [N], and what the host wants to know next: one wait for both, two where images are close to
        undecided."""
        if logits is None:
            with torch.no_grad():
                logits = self.judge(pixels)
        margin, scale, close, found = _compare_logits(logits.detach(), labels, target_classes)
        undecided, *answers = torch.cat([count_chosen(close), question(found)]).tolist()
        if not undecided or self.original is self.judge:
            return found, answers
        asked = find_places(close, undecided)
        with torch.no_grad():
            exact = self.original(pixels.detach()[asked])
        wanted = target_classes[asked] if target_classes is not None else None
        margin[asked] = compute_margin(exact, labels[asked], wanted)
        found = margin > LEAST_MARGIN * scale
        return found, question(found).tolist()

    def judge_without_waiting(
        self, pixels: Tensor, labels: Tensor, target_classes: Tensor | None = None
    ) -> tuple[Tensor, Tensor]:
        """The same on the word of the judge alone, bool [N], and which of it is not the last word, bool [N]."""
        with torch.no_grad():
            logits = self.judge(pixels)
        _, _, close, found = _compare_logits(logits, labels, target_classes)
        return found, close if self.original is not self.judge else torch.zeros_like(close)


def _compare_logits(
    logits: Tensor, labels: Tensor, target_classes: Tensor | None
) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Margins and their scale, float [N] each; which are close to undecided and which are successes, bool [N] each."""
    margin, scale = compute_margin(logits, labels, target_classes), logits.abs().amax(1)
    close, found = margin.abs() < ROUNDING * scale, margin > LEAST_MARGIN * scale
    return margin, scale, close, found
