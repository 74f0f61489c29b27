"""Carlini-Wagner, DeepFool and EAD: foolbox's, on the prepared model.

Their early abortion looks at the loss of the whole batch, so it is off: what an image gets does not depend on the
images beside it.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from tasks.attacks.crafting import Crafted, Job, smallest
from tasks.attacks.minimal import CarliniWagnerSettings, DeepFoolSettings, EadSettings
from tasks.attacks.norms import per_image
from tasks.errors import StageError


def carlini_wagner(job: Job, settings: CarliniWagnerSettings) -> Crafted:
    """The smallest L2 perturbation found."""
    attack = _foolbox().attacks.L2CarliniWagnerAttack(
        binary_search_steps=settings.binary_search_steps,
        steps=settings.steps,
        stepsize=settings.step_size,
        confidence=settings.confidence,
        initial_const=settings.initial_const,
        abort_early=False,
    )
    return {job.counts[0]: smallest(job, lambda job: _run(attack, job))}


def deepfool(job: Job, settings: DeepFoolSettings) -> Crafted:
    """The first point beyond the nearest linearised boundary."""
    attacks = _foolbox().attacks
    kind = attacks.L2DeepFoolAttack if settings.norm == "l2" else attacks.LinfDeepFoolAttack
    attack = kind(steps=settings.steps, candidates=settings.candidates, overshoot=settings.overshoot)
    return {job.counts[0]: smallest(job, lambda job: _run(attack, job))}


def ead(job: Job, settings: EadSettings) -> Crafted:
    """The perturbation found that is smallest by the decision rule."""
    attack = _foolbox().attacks.EADAttack(
        binary_search_steps=settings.binary_search_steps,
        steps=settings.steps,
        initial_stepsize=settings.step_size,
        confidence=settings.confidence,
        initial_const=settings.initial_const,
        regularization=settings.regularization,
        decision_rule=settings.decision_rule,
        abort_early=False,
    )
    return {job.counts[0]: smallest(job, lambda job: _run(attack, job))}


def _run(attack: Any, job: Job) -> Tensor:
    foolbox = _foolbox()
    if len(job.labels) == 1:  # sums over a single row end in other bits than those over one of many
        return _run(attack, job.subset(torch.tensor([0, 0], device=job.labels.device)))[:1]
    model = foolbox.PyTorchModel(job.target.judge, bounds=(0, 1), device=job.clean.device)
    if job.targets is None:
        criterion = foolbox.criteria.Misclassification(job.labels)
    else:
        criterion = foolbox.criteria.TargetedMisclassification(job.targets)
    found: Tensor = attack.run(model, job.clean, criterion)
    found = found.detach().clamp(0, 1)
    return torch.where(per_image(job.fooled(found)), found, job.clean)  # foolbox returns black for what it did not find


def _foolbox() -> Any:
    """:raises StageError: foolbox is not installed; the message says how to get it."""
    try:
        import foolbox
    except ImportError:
        raise StageError("this attack needs foolbox, which is not installed: pip install 'advsweep[foolbox]'") from None
    return foolbox
