"""Comparisons in which, on a small network, what an attack computes itself weighs as much as the passes."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import torch
import torchattacks
from art.attacks.evasion import ProjectedGradientDescent
from pyautoattack.autopgd_base import APGDAttack, APGDAttack_targeted
from pyautoattack.fab_pt import FABAttack_PT
from pyautoattack.square import SquareAttack
from torch import Tensor

from benchmarks.attack_bench import Bench, Case

QUERIES = 300
"""Of Square; the authors' 5,000 take the same time each."""
STEPS = 10
"""Of targeted PGD."""
WALK = 30
"""Steps of FAB-T toward the likeliest class; where that is enough, the authors' code tries no other target."""
ASCENT = 30
"""Steps of Auto-PGD."""
SIZES = {"l2": 0.5}
"""Norm -> the budget of Square."""
AT_LEAST = 1.0
"""No slower than a peer."""


def list_tiny_cases(several: Bench, few: Bench, eps: float) -> Iterator[Case]:
    """FGSM on one batch, targeted PGD, Auto-PGD, Square in L2 and FAB-T.

    :param several: some tens of images.
    :param few: some ten images.
    :param eps: Linf budget in pixels of [0, 1].
    """
    yield _fgsm(few, eps)
    yield _targeted_pgd(several, eps)
    yield from _apgd(several, eps)
    yield _square(several)
    yield _fab(several)


def _fgsm(bench: Bench, eps: float) -> Case:
    return Case(
        "FGSM, one batch", len(bench.labels), lambda: bench.ours((1,), "fp32", name="fgsm", eps=eps),
        {"torchattacks": lambda: [bench.ta(torchattacks.FGSM(bench.model, eps))]}, {"torchattacks": AT_LEAST},
    )  # fmt: skip


def _targeted_pgd(bench: Bench, eps: float) -> Case:
    wanted = (bench.labels + 1) % 10
    own: dict[str, Any] = {"name": "pgd", "eps": eps, "steps": STEPS, "targeted": True, "target_rule": "next"}
    turns = {"norm": np.inf, "eps": eps, "eps_step": eps / 4, "max_iter": STEPS, "batch_size": 256, "verbose": False}

    def ta() -> Tensor:
        attack = torchattacks.PGD(bench.model, eps, eps / 4, STEPS, random_start=True)
        attack.set_mode_targeted_by_label(quiet=True)
        found: Tensor = attack(bench.plain, wanted)
        return found

    def art() -> Tensor:
        attack = ProjectedGradientDescent(bench.art, targeted=True, num_random_init=1, **turns)
        return torch.from_numpy(attack.generate(bench.plain.numpy(), np.eye(10, dtype="float32")[wanted.numpy()]))

    return Case(
        "PGD, targeted", len(bench.labels), lambda: bench.ours((STEPS,), **own),
        {"torchattacks": lambda: [ta()], "ART": lambda: [art()]}, {"torchattacks": AT_LEAST, "ART": AT_LEAST},
    )  # fmt: skip


def _apgd(bench: Bench, eps: float) -> Iterator[Case]:
    turns: dict[str, Any] = {"n_iter": ASCENT, "norm": "Linf", "eps": eps, "device": "cpu"}
    for title, name, targets, method, more in (
        ("APGD-CE", "apgd_ce", {}, APGDAttack, {"loss": "ce"}),
        ("APGD-T", "apgd_t", {"targets": 3}, APGDAttack_targeted, {"n_target_classes": 3}),
    ):
        own: dict[str, Any] = {"name": name, "eps": eps, "steps": ASCENT, **targets}

        def authors(method: Any = method, more: dict[str, Any] = more) -> Tensor:
            found: Tensor = method(bench.model, **turns, **more).perturb(bench.plain, bench.labels)
            return found

        yield Case(
            title, len(bench.labels), lambda own=own: bench.ours((ASCENT,), "fp32", **own),  # type: ignore[misc]
            {"pyautoattack": lambda authors=authors: [authors()]}, {"pyautoattack": AT_LEAST},  # type: ignore[misc]
        )  # fmt: skip


def _square(bench: Bench) -> Case:
    eps = SIZES["l2"]

    def authors() -> Tensor:
        attack = SquareAttack(bench.model, norm="L2", n_queries=QUERIES, eps=eps, device="cpu", resc_schedule=False)
        found: Tensor = attack.perturb(bench.plain, bench.labels)
        return found

    def ta() -> Tensor:
        return bench.ta(
            torchattacks.Square(bench.model, norm="L2", eps=eps, n_queries=QUERIES, resc_schedule=False, seed=0)
        )

    own: dict[str, Any] = {"name": "square", "norm": "l2", "eps": eps, "steps": QUERIES}
    return Case(
        "Square, L2", len(bench.labels), lambda: bench.ours((QUERIES,), "fp32", **own),
        {"pyautoattack": lambda: [authors()], "torchattacks": lambda: [ta()]},
        {"pyautoattack": AT_LEAST, "torchattacks": AT_LEAST},
    )  # fmt: skip


def _fab(bench: Bench) -> Case:
    own: dict[str, Any] = {"name": "fab_t", "steps": WALK, "targets": 1}

    def authors() -> Tensor:
        attack = FABAttack_PT(
            bench.model, n_iter=WALK, eps=1.0, norm="Linf", targeted=True, n_target_classes=1, device="cpu"
        )
        found: Tensor = attack.perturb(bench.plain, bench.labels)
        return found

    return Case(
        "FAB-T, one target", len(bench.labels), lambda: bench.ours((WALK,), "fp32", **own),
        {"pyautoattack": lambda: [authors()]}, {"pyautoattack": AT_LEAST}, "linf",
    )  # fmt: skip
