"""What is compared: our attacks and the peers', each at the same number of passes, as functions without arguments."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from typing import Any, NamedTuple

import torch
from torch import Tensor

from benchmarks.passes import count_passes
from benchmarks.smallest_outcomes import OURS
from benchmarks.smallest_peers import CONSTANTS, FIRST_CONSTANT, Attack, list_peers
from tasks.attacks.engine.fast_model import prepare_model
from tasks.attacks.engine.job import AttackJob, load_attack
from tasks.evaluation.settings import AttackSettings
from tasks.models.build import NormalizedModel


class Subject(NamedTuple):
    """A trained model, and test images that nobody has trained on."""

    name: str
    model: NormalizedModel
    clean: Tensor
    """float [N, C, H, W] in [0, 1]."""
    labels: Tensor
    """int64 [N]."""


class Crafted(NamedTuple):
    """What an attack returned, and what it asked for."""

    images: Tensor
    passes: float
    """Of an image in the mean, forward and backward."""


class Run(NamedTuple):
    """One attack, ours or a peer's."""

    attack: str
    by: str
    craft: Callable[[], Crafted]


def list_runs(subject: Subject, norm: str, passes: int) -> Iterator[Run]:
    """Ours first; the attacks that end by themselves take what they take.

    :param passes: forward and backward passes of an image that an attack may take.
    """
    steps = passes // 2
    search = {"binary_search_steps": CONSTANTS, "initial_const": FIRST_CONSTANT}
    for name, norms, extra in (
        ("ddn", ("l2",), {"steps": steps}),
        ("fmn", ("linf", "l2", "l1", "l0"), {"steps": steps}),
        ("pdpgd", ("linf", "l2", "l1"), {"steps": steps}),
        ("sigma_zero", ("l0",), {"steps": steps}),
        ("fab", ("linf", "l2", "l1"), {"steps": max(1, passes // 6)}),
        ("fab_t", ("linf", "l2", "l1"), {"steps": max(1, passes // 27)}),
        ("deepfool", ("linf", "l2"), {}),
        ("carlini_wagner", ("l2",), {"steps": steps // CONSTANTS, **search}),
        ("ead", ("l1",), {"steps": passes // 3 // CONSTANTS, "decision_rule": "L1", **search}),
        ("jsma", ("l0",), {}),
        ("rays", ("linf",), {"steps": steps}),
    ):
        if norm in norms:
            yield Run(name, OURS, partial(_craft_ours, subject, {"name": name, "norm": norm, **extra}))
    for name, library, attack in list_peers(norm, passes):
        yield Run(name, library, partial(_craft_peers, subject, attack))


def _craft_ours(subject: Subject, raw: dict[str, Any]) -> Crafted:
    method = AttackSettings.model_validate(raw).simplify().method
    model = prepare_model(subject.model, subject.clean, "fp32")
    steps = method.reported_steps
    job = AttackJob(model, subject.clean, subject.labels, (steps,), torch.arange(len(subject.labels)))
    with count_passes(model.gradient, model.judge, model.original) as passes:
        images = load_attack(method)(job, method)[steps]
    return Crafted(images, passes.total / len(images))


def _craft_peers(subject: Subject, attack: Attack) -> Crafted:
    with count_passes(subject.model) as passes:
        images = attack(subject.model, subject.clean.clone().contiguous(), subject.labels.clone()).detach()
    return Crafted(images, passes.total / len(images))
