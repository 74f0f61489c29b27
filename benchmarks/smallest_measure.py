"""Run our attacks and the peers' for each norm, and print one table."""

from __future__ import annotations

import argparse
import importlib
import logging
import statistics
import sys
import time
import types
import warnings
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from benchmarks.attack_models import trained
from orchestrator.results.optimality import compute_optimality
from tasks.attacks.engine.fast_model import freeze_copy, prepare_model
from tasks.attacks.engine.job import AttackJob, load_attack
from tasks.attacks.engine.norms import measure_sizes, shape_per_image
from tasks.data.images import Images, convert_to_float
from tasks.data.loading import load_splits
from tasks.data.settings import DatasetSettings
from tasks.evaluation.settings import AttackSettings
from tasks.models.build import NormalizedModel

COLUMNS = ("subject", "norm", "attack", "by", "fooled %", "median size", "optimality [95 %]", "seconds")
RESAMPLES = 2000
LP = {"linf": float("inf"), "l2": 2, "l1": 1, "l0": 0}
Found = NDArray[np.float64]
"""Size of the smallest perturbation of each image: 0 where it is misclassified, infinite where none was found."""


class Subject(NamedTuple):
    """A trained model, and test images that nobody has trained on."""

    name: str
    model: NormalizedModel
    clean: Tensor
    labels: Tensor


class Run(NamedTuple):
    """One attack, ours or a peer's."""

    attack: str
    by: str
    craft: Callable[[], Tensor]


def measure(asked: argparse.Namespace) -> None:
    """Print the table."""
    torch.set_num_threads(1)
    warnings.filterwarnings("ignore")
    logging.disable(logging.WARNING)
    sys.modules.setdefault("visdom", types.ModuleType("visdom"))  # adv-lib imports it for a drawing that nobody wants
    print("| " + " | ".join(COLUMNS) + " |\n|" + "---|" * len(COLUMNS), flush=True)
    for subject in _list_subjects(asked):
        for norm in asked.only or LP:
            _report(subject, norm, list(_list_runs(subject, norm, asked.steps)), asked.repeats)


def _list_subjects(asked: argparse.Namespace) -> Iterator[Subject]:
    if asked.data_dir:
        splits = load_splits(DatasetSettings(name="mnist", train_examples=asked.train), asked.data_dir)
        yield _make_subject("MNIST, resnet8", splits.train, splits.test, asked)
    if asked.cifar:
        with np.load(asked.cifar, allow_pickle=False) as arrays:
            train, test = (_read(arrays, part) for part in ("train", "test"))
        kept = torch.arange(min(asked.train, len(train)))
        yield _make_subject("CIFAR-10, resnet8", train.select(kept), test, asked)


def _read(arrays: Any, part: str) -> Images:
    pixels = torch.from_numpy(arrays[f"x_{part}"]).permute(0, 3, 1, 2).contiguous()
    return Images(pixels, torch.from_numpy(arrays[f"y_{part}"].astype("int64")), tuple(map(str, range(10))))


def _make_subject(name: str, train: Images, test: Images, asked: argparse.Namespace) -> Subject:
    file = asked.work / f"smallest_{name.split(',')[0].lower()}_{len(train)}_{asked.epochs}.safetensors"
    model = trained(file, "resnet8", train, asked.epochs, 0.01)
    return Subject(name, model, convert_to_float(test.pixels[: asked.images]), test.labels[: asked.images])


def _list_runs(subject: Subject, norm: str, steps: int) -> Iterator[Run]:
    """Ours first; each with about two passes a step, several targets or constants counted."""
    small = max(1, steps // 4)
    searches = {"steps": small, "binary_search_steps": 4, "initial_const": 0.1}
    for name, norms, extra in (
        ("ddn", ("l2",), {"steps": steps}), ("fmn", tuple(LP), {"steps": steps}),
        ("pdpgd", ("linf", "l2", "l1"), {"steps": steps}), ("sigma_zero", ("l0",), {"steps": steps}),
        ("fab_t", ("linf", "l2", "l1"), {"steps": max(1, steps // 9)}), ("deepfool", ("linf", "l2"), {}),
        ("carlini_wagner", ("l2",), searches), ("ead", ("l1",), {**searches, "decision_rule": "L1"}),
        ("jsma", ("l0",), {}),
    ):  # fmt: skip
        if norm in norms:
            yield Run(name, "ours", _make_ours(subject, {"name": name, "norm": norm, **extra}))
    model, plain, labels = subject.model, subject.clean.contiguous(), subject.labels
    attacks: Any = importlib.import_module("adv_lib.attacks")
    foolbox: Any = importlib.import_module("foolbox")
    p = LP[norm]
    if norm == "l2":
        yield Run("ddn", "adv-lib", lambda: attacks.ddn(model, plain, labels, steps=steps, levels=None))
    yield Run("fmn", "adv-lib", lambda: attacks.fmn(model, plain, labels, norm=p, steps=steps))
    if norm != "l0":
        yield Run("pdpgd", "adv-lib", lambda: attacks.pdpgd(model, plain, labels, norm=p, num_steps=steps))
        yield Run("fab", "adv-lib", lambda: attacks.fab(model, plain, labels, norm=p, n_iter=steps))
    else:
        yield Run("sigma_zero", "adv-lib", lambda: attacks.sigma_zero(model, plain, labels, num_steps=steps))
    of_foolbox = foolbox.attacks
    named = {
        "l2": [("carlini_wagner", of_foolbox.L2CarliniWagnerAttack(4, small, initial_const=0.1)),
               ("deepfool", of_foolbox.L2DeepFoolAttack())],
        "linf": [("deepfool", of_foolbox.LinfDeepFoolAttack())],
        "l1": [("ead", of_foolbox.EADAttack(4, small, initial_const=0.1, decision_rule="L1"))],
    }  # fmt: skip
    wrapped = foolbox.PyTorchModel(model, bounds=(0, 1), device="cpu")
    for name, attack in named.get(norm, []):
        yield Run(name, "foolbox", partial(_run_foolbox, attack, wrapped, plain, labels))


def _run_foolbox(attack: Any, model: Any, clean: Tensor, labels: Tensor) -> Tensor:
    """Foolbox returns a black image where it found nothing: as it was, then."""
    found: Tensor = attack(model, clean, labels, epsilons=None)[1].detach()
    return torch.where(shape_per_image(found.flatten(1).amax(1) == 0), clean, found)


def _make_ours(subject: Subject, raw: dict[str, Any]) -> Callable[[], Tensor]:
    def craft() -> Tensor:
        method = AttackSettings.model_validate(raw).simplify().method
        model = prepare_model(subject.model, subject.clean, "fp32")
        steps = method.reported_steps
        job = AttackJob(model, subject.clean, subject.labels, (steps,), torch.arange(len(subject.labels)))
        return load_attack(method)(job, method)[steps]

    return craft


def _report(subject: Subject, norm: str, runs: list[Run], repeats: int) -> None:
    found: list[tuple[Run, Found, float]] = []
    for run in runs:
        seconds: list[float] = []
        for _ in range(repeats):
            began = time.process_time()
            images = run.craft()
            seconds.append(time.process_time() - began)
        found.append((run, _measure(subject, images.detach(), norm), statistics.median(seconds)))
    best: Found = np.stack([sizes for _, sizes, _ in found]).min(axis=0)
    for run, sizes, taken in found:
        attacked = best > 0
        fooled = np.isfinite(sizes[attacked])
        size = np.median(sizes[attacked][fooled]) if fooled.any() else np.nan
        score, low, high = _rank(sizes, best)
        cells = [f"{100 * fooled.mean():.0f}", f"{size:.3g}", f"{score:.3f} [{low:.3f}, {high:.3f}]", f"{taken:.2f}"]
        print("| " + " | ".join([subject.name, norm, run.attack, run.by, *cells]) + " |", flush=True)


def _measure(subject: Subject, images: Tensor, norm: str) -> Found:
    """By the model itself, whoever attacked; what leaves [0, 1] does not count."""
    judge = freeze_copy(subject.model)
    with torch.no_grad():
        before = judge(subject.clean).argmax(1).ne(subject.labels)
        after = judge(images).argmax(1).ne(subject.labels)
    inside = (images.flatten(1).amin(1) >= -1e-6) & (images.flatten(1).amax(1) <= 1 + 1e-6)
    sizes = measure_sizes(images - subject.clean)[norm].double()
    sizes = torch.where(after & inside, sizes, torch.inf)
    return torch.where(before, 0.0, sizes).numpy()


def _rank(sizes: Found, best: Found) -> tuple[float, float, float]:
    """Optimality as AttackBench has it, and a percentile interval over resampled images."""

    def score(places: NDArray[np.int64]) -> float:
        known = {number: float(best[place]) for number, place in enumerate(places)}
        ours = {number: float(sizes[place]) for number, place in enumerate(places)}
        return compute_optimality(ours, known) or 0.0

    draw = np.random.default_rng(0)
    again = [score(draw.integers(0, len(sizes), len(sizes))) for _ in range(RESAMPLES)]
    return score(np.arange(len(sizes))), *np.quantile(again, [0.025, 0.975]).tolist()
