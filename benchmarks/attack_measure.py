"""Run the cases, alternating and repeated, and print one table."""

from __future__ import annotations

import argparse
import logging
import statistics
import sys
import time
import warnings
from collections.abc import Callable

import torch
from torch import Tensor

from benchmarks.attack_bench import Case
from benchmarks.attack_cases import cases
from benchmarks.attack_models import Subject, cifar, digits, mnist
from tasks.attacks.engine.fast_model import freeze_copy
from tasks.attacks.engine.norms import measure_sizes

ALLOWED = 0.5
"""Points by which our robust accuracy may be above a peer's."""
COLUMNS = ("subject", "attack", "images", "peer", "ours %", "peer %", "size ours / peer", "images/s", "ratio", "target")


def measure(asked: argparse.Namespace) -> int:
    """Print the table; 1 where our attack is weaker than a peer's."""
    torch.set_num_threads(1)
    warnings.filterwarnings("ignore")
    logging.disable(logging.WARNING)
    subjects: list[Callable[[], Subject]] = []
    if asked.digits:
        subjects.append(lambda: digits(asked.work))
    if asked.data_dir:
        subjects.append(lambda: mnist(asked.data_dir, asked.work))
    if asked.cifar:
        subjects.append(lambda: cifar(asked.cifar, asked.work, asked.cifar_model, asked.cifar_size))
    print("| " + " | ".join(COLUMNS) + " |\n|" + "---|" * len(COLUMNS), flush=True)
    weaker = False
    for make in subjects:
        subject = make()
        for case in cases(subject, asked.images):
            if asked.only and not any(word in case.name for word in asked.only):
                continue
            weaker |= report(subject, case, asked.repeats)
    return int(weaker)


def report(subject: Subject, case: Case, repeats: int) -> bool:
    """Print a row for each peer; whether our attack is weaker than one of them."""
    runs = {"ours": case.ours, **case.peers}
    found, seconds = alternate(runs, repeats)
    judge = freeze_copy(subject.model)
    clean, labels = subject.batch(case.images)
    robust = {name: [accuracy(judge, images, labels) for images in cells] for name, cells in found.items()}
    weaker = False
    for peer in case.peers:
        worst = max(ours - theirs for ours, theirs in zip(robust["ours"], robust[peer], strict=True))
        weaker |= worst > ALLOWED
        pair = ("ours", peer)
        size = " / ".join(median_size(judge, clean, labels, found[name][0], case.norm) for name in pair if case.norm)
        speed = len(robust["ours"]) * case.images / statistics.median(seconds["ours"])
        ratio = statistics.median(theirs / ours for ours, theirs in zip(seconds["ours"], seconds[peer], strict=True))
        goal = f"{target:g}" if (target := case.targets.get(peer)) else ""
        rates = [f"{statistics.mean(robust[name]):.1f}" for name in pair]
        cells = [subject.name, case.name, str(case.images), peer, *rates, size, f"{speed:.3g}", f"{ratio:.1f}", goal]
        print("| " + " | ".join(cells) + " |", flush=True)
    return weaker


def alternate(
    runs: dict[str, Callable[[], list[Tensor]]], repeats: int
) -> tuple[dict[str, list[Tensor]], dict[str, list[float]]]:
    """Results of each, and process CPU seconds of each repetition; every second round runs in reverse."""
    found: dict[str, list[Tensor]] = {}
    seconds: dict[str, list[float]] = {name: [] for name in runs}
    for turn in range(repeats):
        for name in list(runs) if turn % 2 == 0 else list(runs)[::-1]:
            started = time.process_time()
            found[name] = runs[name]()
            seconds[name].append(time.process_time() - started)
            print(f"{name}: {seconds[name][-1]:.2f} s", file=sys.stderr, flush=True)
    return found, seconds


def accuracy(judge: torch.nn.Module, images: Tensor, labels: Tensor) -> float:
    """Percent of images that are classified correctly."""
    with torch.no_grad():
        said = torch.cat([judge(part).argmax(1) for part in images.detach().split(250)])
    return 100 * said.eq(labels).float().mean().item()


def median_size(judge: torch.nn.Module, clean: Tensor, labels: Tensor, images: Tensor, norm: str) -> str:
    """The median perturbation of the images that were right and are wrong now."""
    with torch.no_grad():
        changed = judge(clean).argmax(1).eq(labels) & judge(images.detach()).argmax(1).ne(labels)
    if not changed.any():
        return "-"
    return f"{float(measure_sizes(images.detach() - clean)[norm][changed].float().median()):.3g}"
