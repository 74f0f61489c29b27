"""Cheap attacks on some images of every stage, which the attack that was asked for should not fall short of.

One step along the gradient and one draw of noise, both within the stage's own budget, tell an attack that does nothing
from a model that withstands it. A few steps with a budget that can erase any image tell gradients that lead nowhere
(Athalye et al. 2018, arXiv 1802.00420): no classifier is right there, so one that seems to be hides its gradient.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from tasks.attacks.base import ERASING_EPS, MethodSettings
from tasks.attacks.engine.attacked_model import AttackedModel, compute_margin
from tasks.attacks.engine.loop import StepRule, run_gradient_attack
from tasks.attacks.engine.norms import NORMS, Norm
from tasks.seeds import make_generator

PROBED = 256
"""Images of a stage that one step and noise are tried on; the first ones that it attacks."""
ERASED, ERASING_STEPS = 64, 5
"""Images that are erased, and the steps it may take; most leave after the first."""
RAISED = 128
"""Images whose margin is watched while it is raised by a small step."""
WALKED, WALKING_STEPS = 32, 8
"""Images that the attack has left and that another loss is tried on, and its steps."""
WALKING_STRIDE = 0.3
"""Step size as a share of the budget."""
SMALL = 8 / 255
"""A change of every value along which a gradient should hold, in pixels of [0, 1]."""
PROBE_NORMS = ("linf", "l2")
OTHERWISE = ("linf", 8 / 255)
"""Norm and budget of the probes where the attack has none of these norms, or is made for no budget."""


@dataclass(frozen=True)
class Probes:
    """What cheap attacks did to the images that the model sees rightly."""

    comparable: bool
    """Whether they had the norm and the budget of the stage's own attack."""
    known: Tensor
    """bool [N]: whether the image is seen rightly as it is; all that follows speaks of these alone."""
    step: Tensor
    """bool [N]: whether one step along the gradient fools the model."""
    noise: Tensor
    """bool [N]: whether noise does."""
    erased: int
    """Images that were to be erased."""
    erased_correct: int
    """Those that are seen rightly all the same."""
    raised: Tensor
    """bool [N]: whether one small step along the gradient raises the margin more than noise of that size does."""
    walk: Callable[[Tensor], Tensor]
    """Positions of images -> whether a few steps along another loss fool the model, bool."""

    def compare(self, robust: Tensor) -> dict[str, int | None]:
        """Counts of images on which the probes disagree with each other, and with the attack where they are comparable.

        :param robust: whether an image withstands the attack, bool [N] at least.
        """
        fooled = ~robust[: len(self.known)].to(self.known.device) & self.known
        step, noise = self.step & self.known, self.noise & self.known
        found: dict[str, int | None] = {
            "probe_images": int(self.known.sum()),
            "step_only": int((step & ~noise).sum()),
            "noise_only": int((noise & ~step).sum()),
            "erased_images": self.erased,
            "erased_correct": self.erased_correct,
        }
        for name, probe in (("step", step), ("noise", noise)):
            found[f"{name}_beats_attack"] = int((probe & ~fooled).sum()) if self.comparable else None
            found[f"attack_beats_{name}"] = int((fooled & ~probe).sum()) if self.comparable else None
        raised = self.raised[self.known[: len(self.raised)]]
        found |= {"raised_images": len(raised), "raised": int(raised.sum())}
        return found | self._walk_on(self.known & ~fooled)

    def _walk_on(self, left: Tensor) -> dict[str, int | None]:
        """What another loss does to the images that the attack has left."""
        places = left.nonzero(as_tuple=True)[0][:WALKED]
        if not self.comparable:
            return {"walk_images": None, "walk_fooled": None}
        return {"walk_images": len(places), "walk_fooled": int(self.walk(places).sum()) if len(places) else 0}


def choose_probe_budget(method: MethodSettings, scale: float) -> tuple[str, float, bool]:
    """Norm, size in pixels of [0, 1], and whether both are those of the attack.

    :param scale: pixels per unit of eps.
    """
    if method.bounded and method.norm in PROBE_NORMS and method.eps:
        return method.norm, method.eps * scale, True
    return (*OTHERWISE, False)


def probe_model(
    attacked: nn.Module,
    make_judge: Callable[[], nn.Module],
    pixels: Tensor,
    labels: Tensor,
    gradient: Tensor,
    budget: tuple[str, float, bool],
    seed: int,
) -> Probes:
    """Try one step, noise and erasure.

    :param attacked: where gradients come from.
    :param make_judge: gives a copy of the model that has seen nothing yet.
    :param pixels: float [N, C, H, W] in [0, 1].
    :param labels: int64 [N].
    :param gradient: of the loss by these pixels, float [N, C, H, W].
    :param budget: as `choose_probe_budget` has it.
    """
    norm, eps = NORMS[budget[0]], budget[1]
    rule = StepRule(norm, eps, eps)
    stepped = rule.project(pixels, pixels + eps * norm.direction(gradient.nan_to_num()))
    noisy = rule.project(pixels, pixels + _draw_noise(norm, pixels, eps, seed))
    some, slope = pixels[:RAISED], gradient[:RAISED].nan_to_num()
    raised = _compare_margins(make_judge(), some, labels[:RAISED], slope, seed)
    answers = [_classify(make_judge(), images) for images in (pixels, stepped, noisy)]
    known = answers[0].eq(labels)
    erased = known.nonzero(as_tuple=True)[0][:ERASED]
    left = _erase(attacked, make_judge(), pixels[erased], labels[erased]) if len(erased) else 0
    fooled = (answers[1].ne(labels), answers[2].ne(labels))

    def walk(places: Tensor) -> Tensor:
        return _walk(attacked, make_judge(), pixels[places], labels[places], StepRule(norm, eps, eps * WALKING_STRIDE))

    return Probes(budget[2], known, *fooled, len(erased), left, raised, walk)


def _compare_margins(judge: nn.Module, pixels: Tensor, labels: Tensor, gradient: Tensor, seed: int) -> Tensor:
    """Whether a small step raises the margin more than noise of its size; bool [N]."""
    norm = NORMS["linf"]
    moved = [SMALL * norm.direction(gradient), SMALL * _draw_noise(norm, pixels, 1.0, seed).sign()]
    with torch.no_grad():
        step, noise = (compute_margin(judge((pixels + delta).clamp(0, 1)), labels) for delta in moved)
    return step > noise


def _walk(attacked: nn.Module, judge: nn.Module, pixels: Tensor, labels: Tensor, rule: StepRule) -> Tensor:
    """Which images a few steps along the margin fool, bool [N]."""
    target = AttackedModel(attacked, attacked, attacked)
    walked = run_gradient_attack(target, pixels, labels, rule, (WALKING_STEPS,), loss=_sum_margins)[WALKING_STEPS]
    return _classify(judge, walked).ne(labels)


def _sum_margins(logits: Tensor, labels: Tensor, target_classes: Tensor | None) -> Tensor:
    return compute_margin(logits, labels, target_classes).sum()


def _draw_noise(norm: Norm, pixels: Tensor, eps: float, seed: int) -> Tensor:
    draw = make_generator(seed, "noise probe")
    return torch.stack([norm.random(pixels.shape[1:], eps, draw) for _ in pixels]).to(pixels.device)


def _erase(attacked: nn.Module, judge: nn.Module, pixels: Tensor, labels: Tensor) -> int:
    """How many images are still seen rightly after a few steps of a budget that can erase them."""
    eps = ERASING_EPS["linf"]
    target = AttackedModel(attacked, attacked, attacked)
    rule = StepRule(NORMS["linf"], eps, eps / 2)
    erased = run_gradient_attack(target, pixels, labels, rule, (ERASING_STEPS,))[ERASING_STEPS]
    return int(_classify(judge, erased).eq(labels).sum())


def _classify(model: nn.Module, pixels: Tensor) -> Tensor:
    with torch.no_grad():
        classes: Tensor = model(pixels).argmax(1)
    return classes
