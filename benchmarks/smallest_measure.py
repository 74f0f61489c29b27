"""Run our attacks and the peers' for each norm, and print two tables: every attack, and the best of each side."""

from __future__ import annotations

import argparse
import logging
import statistics
import time
import warnings
from collections.abc import Iterator
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from benchmarks.attack_models import trained
from benchmarks.smallest_outcomes import Asked, Outcome, Sizes, append_outcome, read_outcomes, score_sizes
from benchmarks.smallest_peers import LP, prepare_imports
from benchmarks.smallest_runs import OURS, Run, Subject, list_runs
from tasks.attacks.engine.fast_model import freeze_copy
from tasks.attacks.engine.norms import measure_size
from tasks.data.images import Images, convert_to_float
from tasks.data.loading import load_splits
from tasks.data.settings import DatasetSettings

COLUMNS = ("subject", "norm", "attack", "by", "fooled %", "median size", "passes", "seconds", "optimality [95 %]")
BESTS = ("subject", "norm", "best of ours", "aim", "best peer", "ours at no more passes", "difference [95 %]")
AIMS = {"linf": 0.97, "l2": 0.93, "l1": 0.93, "l0": 0.98}
"""Norm -> the optimality that the best of ours is to reach."""
SLACK = 1.05
"""Two numbers of passes of which one is at most so many times the other are equal."""
RESAMPLES = 500
NONE = "-"
"""What stands where nothing was run."""
Places = NDArray[np.int64]


def measure(asked: argparse.Namespace) -> None:
    """Print a table of all attacks, and one of the best of ours beside the best peer."""
    torch.set_num_threads(1)
    warnings.filterwarnings("ignore")
    logging.disable(logging.WARNING)
    prepare_imports()
    _print_header(COLUMNS)
    bests, kept = [], read_outcomes(asked.keep)
    for subject in _list_subjects(asked):
        for norm in asked.only or LP:
            found = []
            for run in list_runs(subject, norm, asked.passes):
                if asked.attacks and run.attack not in asked.attacks:
                    continue
                key = Asked(subject.name, norm, run.attack, run.by, asked.passes, asked.images, asked.first)
                if key not in kept:
                    kept[key] = _run(subject, run, key, asked.repeats)
                    append_outcome(asked.keep, kept[key])
                found.append(kept[key])
            best: Sizes = np.stack([outcome.sizes for outcome in found]).min(axis=0)
            for outcome in found:
                _print([subject.name, norm, *_describe(outcome, best)])
            bests.append([subject.name, norm, *compare_best(found, best, AIMS[norm])])
    print(flush=True)
    _print_header(BESTS)
    for cells in bests:
        _print(cells)


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
    attacked = slice(asked.first, asked.first + asked.images)
    return Subject(name, model, convert_to_float(test.pixels[attacked]), test.labels[attacked])


def _run(subject: Subject, run: Run, asked: Asked, repeats: int) -> Outcome:
    seconds: list[float] = []
    for _ in range(repeats):
        began = time.process_time()
        crafted = run.craft()
        seconds.append(time.process_time() - began)
    sizes = _measure(subject, crafted.images.detach(), asked.norm)
    return Outcome(asked, sizes, crafted.passes, statistics.median(seconds))


def _measure(subject: Subject, images: Tensor, norm: str) -> Sizes:
    """By the model itself, whoever attacked; what leaves [0, 1] does not count."""
    judge = freeze_copy(subject.model)
    with torch.no_grad():
        before = judge(subject.clean).argmax(1).ne(subject.labels)
        after = judge(images).argmax(1).ne(subject.labels)
    inside = (images.flatten(1).amin(1) >= -1e-6) & (images.flatten(1).amax(1) <= 1 + 1e-6)
    sizes = torch.where(after & inside, measure_size(images - subject.clean, norm).double(), torch.inf)
    return torch.where(before, 0.0, sizes).numpy()


def _describe(outcome: Outcome, best: Sizes) -> list[str]:
    attacked = outcome.sizes[best > 0]
    fooled = np.isfinite(attacked)
    size = np.median(attacked[fooled]) if fooled.any() else np.nan
    score = score_sizes(outcome.sizes, best)
    low, high = _resample(len(best), lambda places: score_sizes(outcome.sizes[places], best[places]))
    cost = [f"{outcome.passes:.0f}", f"{outcome.seconds:.2f}", f"{score:.3f} [{low:.3f}, {high:.3f}]"]
    return [outcome.asked.attack, outcome.asked.by, f"{100 * fooled.mean():.0f}", f"{size:.3g}", *cost]


def compare_best(found: list[Outcome], best: Sizes, aim: float) -> list[str]:
    """The best of ours beside its aim, the best peer, and beside that the best of ours that takes no more passes.

    :return: the cells of `BESTS` behind the norm, of which those that nothing was run for hold a dash.
    """
    ours = [outcome for outcome in found if outcome.asked.by == OURS]
    peers = [outcome for outcome in found if outcome.asked.by != OURS]

    def rank(outcome: Outcome) -> float:
        return score_sizes(outcome.sizes, best)

    def name(outcome: Outcome | None) -> str:
        return f"{outcome.asked.attack} {rank(outcome):.3f} ({outcome.passes:.0f} passes)" if outcome else NONE

    strongest, peer = max(ours, key=rank, default=None), max(peers, key=rank, default=None)
    reached = f"{aim:g}: {'yes' if rank(strongest) >= aim else 'no'}" if strongest else NONE
    if peer is None:
        return [name(strongest), reached, NONE, NONE, NONE]
    equal = max((outcome for outcome in ours if outcome.passes <= SLACK * peer.passes), key=rank, default=None)
    difference = _compare(equal, peer, best) if equal else NONE
    return [name(strongest), reached, f"{peer.asked.by} {name(peer)}", name(equal), difference]


def _compare(equal: Outcome, peer: Outcome, best: Sizes) -> str:
    def gain(places: Places) -> float:
        return score_sizes(equal.sizes[places], best[places]) - score_sizes(peer.sizes[places], best[places])

    low, high = _resample(len(best), gain)
    return f"{gain(np.arange(len(best))):+.3f} [{low:+.3f}, {high:+.3f}]"


def _resample(count: int, statistic: Any) -> tuple[float, float]:
    """A percentile interval of what a statistic is over resampled images."""
    draw = np.random.default_rng(0)
    again = [statistic(draw.integers(0, count, count)) for _ in range(RESAMPLES)]
    low, high = np.quantile(again, [0.025, 0.975]).tolist()
    return low, high


def _print_header(columns: tuple[str, ...]) -> None:
    print("| " + " | ".join(columns) + " |\n|" + "---|" * len(columns), flush=True)


def _print(cells: list[str]) -> None:
    print("| " + " | ".join(cells) + " |", flush=True)
