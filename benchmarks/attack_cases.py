"""What is compared: each case is our attack and the same attack of the peers, as functions without arguments."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from typing import Any

import foolbox
import numpy as np
import torch
import torchattacks
from art.attacks.evasion import FastGradientMethod, MomentumIterativeMethod, ProjectedGradientDescent
from pyautoattack import AutoAttack
from torch import Tensor, nn

from benchmarks.attack_bench import Bench, Case
from benchmarks.attack_models import Subject
from benchmarks.attack_tiny_cases import list_tiny_cases
from tasks.attacks.engine.fast_model import prepare_model
from tasks.attacks.engine.loop import compute_attack_loss

STEPS = 10
GRID = (1, 2, 5, 10, 20)


def cases(subject: Subject, images: int) -> Iterator[Case]:
    """Every comparison on a subject."""
    small = subject.small
    many, several, few = (Bench(subject, count) for count in ((images, 64, 16) if small else (min(images, 192), 8, 2)))
    for eps, speed in subject.heat.items():
        yield _heat_map(many, eps, speed)
    yield from _passes(many)
    for eps in subject.budgets:
        yield from _family(many, eps, subject.goals)
    yield _sparse(many, 4.0 if small else None)
    yield from _jsma(few if small else several, 12.0 if small else 20.0)
    yield _deepfool(several, 1.9 if small else None)
    yield from _minimal(Bench(subject, 256) if small else several, 1.9 if small else None)
    yield _autoattack(few, subject.budgets[0])
    if small:
        yield from list_tiny_cases(several, few, subject.budgets[-1])


def _passes(bench: Bench) -> Iterator[Case]:
    """What preparing the model gains by itself: one forward and backward pass, nothing attacked."""

    def passed(model: nn.Module, images: Tensor) -> list[Tensor]:
        pixels = images.detach().requires_grad_(True)
        torch.autograd.grad(compute_attack_loss(model(pixels), bench.labels, None), pixels)
        return [images]

    for precision in ("fp32", "bf16"):
        model = prepare_model(bench.model, bench.clean, precision).gradient
        yield Case(
            f"one gradient, {precision}", len(bench.labels), lambda model=model: passed(model, bench.clean),  # type: ignore[misc]
            {"the model as it is": lambda: passed(bench.model, bench.plain)}, {},
        )  # fmt: skip


def _family(bench: Bench, eps: float, goals: dict[str, float]) -> Iterator[Case]:
    shown, step, fb, ta, art = _written(eps), eps / 4, foolbox.attacks, torchattacks, bench.art
    loop = {"abs_stepsize": step, "steps": STEPS}
    turns = {"norm": np.inf, "eps": eps, "eps_step": step, "max_iter": STEPS, "batch_size": 256, "verbose": False}
    own: dict[str, Any] = {"eps": eps, "steps": STEPS}
    yield Case(
        f"FGSM, eps {shown}", len(bench.labels), lambda: bench.ours((1,), "fp32", name="fgsm", eps=eps),
        {
            "torchattacks": lambda: [bench.ta(ta.FGSM(bench.model, eps))],
            "foolbox": lambda: [bench.fb(fb.LinfFastGradientAttack(), eps)],
            "ART": lambda: [bench.of_art(FastGradientMethod(art, norm=np.inf, eps=eps, batch_size=256))],
        }, {},
    )  # fmt: skip
    yield Case(
        f"I-FGSM, eps {shown}", len(bench.labels), lambda: bench.ours((STEPS,), name="ifgsm", **own),
        {
            "torchattacks": lambda: [bench.ta(ta.BIM(bench.model, eps, step, STEPS))],
            "foolbox": lambda: [bench.fb(fb.LinfPGD(random_start=False, **loop), eps)],
            "ART": lambda: [bench.of_art(ProjectedGradientDescent(art, num_random_init=0, **turns))],
        }, goals,
    )  # fmt: skip
    yield Case(
        f"PGD, eps {shown}", len(bench.labels), lambda: bench.ours((STEPS,), name="pgd", **own),
        {
            "torchattacks": lambda: [bench.ta(ta.PGD(bench.model, eps, step, STEPS, random_start=True))],
            "foolbox": lambda: [bench.fb(fb.LinfPGD(random_start=True, **loop), eps)],
            "ART": lambda: [bench.of_art(ProjectedGradientDescent(art, num_random_init=1, **turns))],
        }, goals,
    )  # fmt: skip
    momentum = fb.LinfMomentumIterativeFastGradientMethod(momentum=1.0, random_start=False, **loop)
    yield Case(
        f"MI-FGSM, eps {shown}", len(bench.labels), lambda: bench.ours((STEPS,), name="mifgsm", **own),
        {
            "torchattacks": lambda: [bench.ta(ta.MIFGSM(bench.model, eps, step, STEPS, decay=1.0))],
            "foolbox": lambda: [bench.fb(momentum, eps)],
            "ART": lambda: [bench.of_art(MomentumIterativeMethod(art, decay=1.0, **turns))],
        }, goals,
    )  # fmt: skip


def _heat_map(bench: Bench, eps: float, speed: float | None) -> Case:
    def peer() -> list[Tensor]:
        return [bench.ta(torchattacks.BIM(bench.model, eps, eps / 4, steps)) for steps in GRID]

    name = f"heat map, eps {_written(eps)}, {len(GRID)} step counts"
    ours = lambda: bench.ours(GRID, name="ifgsm", eps=eps, steps=max(GRID))  # noqa: E731
    return Case(name, len(bench.labels), ours, {"torchattacks": peer}, {"torchattacks": speed})


def _written(eps: float) -> str:
    return f"{255 * eps:.0f}/255" if (255 * eps).is_integer() else f"{eps:g}"


def _sparse(bench: Bench, speed: float | None) -> Case:
    eps, steps = 4.0, 20
    attack = foolbox.attacks.SparseL1DescentAttack(abs_stepsize=eps / 4, steps=steps, quantile=0.99)
    return Case(
        "Sparse L1", len(bench.labels), lambda: bench.ours((steps,), name="sparse_l1", norm="l1", eps=eps, steps=steps),
        {"foolbox": lambda: [bench.fb(attack, eps)]}, {"foolbox": speed},
    )  # fmt: skip


def _jsma(bench: Bench, speed: float) -> Iterator[Case]:
    def peer() -> list[Tensor]:
        return [bench.ta(torchattacks.JSMA(bench.model, theta=1.0, gamma=0.1))]

    few = len(bench.labels)
    targeted: dict[str, Any] = {"name": "jsma", "targeted": True, "target_rule": "next"}
    yield Case(
        "JSMA, targeted", few, lambda: bench.ours((1,), "fp32", **targeted),
        {"torchattacks": peer}, {"torchattacks": speed}, "l0",
    )  # fmt: skip
    yield Case("JSMA, untargeted", few, lambda: bench.ours((1,), "fp32", name="jsma"), {"torchattacks": peer}, {}, "l0")


def _minimal(bench: Bench, speed: float | None) -> Iterator[Case]:
    few, fb = len(bench.labels), foolbox.attacks
    search: dict[str, Any] = {"steps": 20, "binary_search_steps": 4, "initial_const": 0.1}
    pairs = {
        "Carlini-Wagner": ("carlini_wagner", search, fb.L2CarliniWagnerAttack(abort_early=False, **search), "l2"),
        "EAD": ("ead", search, fb.EADAttack(abort_early=False, **search), "l1"),
    }
    for title, (name, raw, attack, norm) in pairs.items():
        yield Case(
            title, few, lambda name=name, raw=raw: bench.ours((1,), "fp32", name=name, **raw),  # type: ignore[misc]
            {"foolbox": lambda attack=attack: [bench.fb(attack, None)]},  # type: ignore[misc]
            {"foolbox": speed}, norm,
        )  # fmt: skip


def _deepfool(bench: Bench, speed: float | None) -> Case:
    return Case(
        "DeepFool", len(bench.labels), lambda: bench.ours((1,), "fp32", name="deepfool"),
        {"foolbox": lambda: [bench.fb(foolbox.attacks.L2DeepFoolAttack(), None)]}, {"foolbox": speed}, "l2",
    )  # fmt: skip


def _autoattack(bench: Bench, eps: float) -> Case:
    def authors() -> list[Tensor]:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            attack = AutoAttack(bench.model, norm="Linf", eps=eps, seed=0)
            found: Tensor = attack.run_standard_evaluation(bench.plain, bench.labels, batch_size=256)
        return [found if isinstance(found, Tensor) else found[0]]

    def ta() -> list[Tensor]:
        return [bench.ta(torchattacks.AutoAttack(bench.model, norm="Linf", eps=eps, n_classes=10, seed=0))]

    ours = lambda: bench.ours((1,), "fp32", name="autoattack", eps=eps)  # noqa: E731
    return Case("AutoAttack", len(bench.labels), ours, {"pyautoattack": authors, "torchattacks": ta}, {})
