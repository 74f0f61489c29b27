"""Run our attacks and the peers' for each norm, and print two tables: every attack, and the best of each side."""

from __future__ import annotations

import argparse
import logging
import statistics
import sys
import time
import warnings
from collections.abc import Iterator
from typing import Any

import numpy as np
import torch
from torch import Tensor

from benchmarks.attack_models import trained
from benchmarks.smallest_outcomes import Asked, Outcome, Sizes, append_outcome, read_outcomes
from benchmarks.smallest_peers import LP, prepare_imports
from benchmarks.smallest_runs import Run, Subject, list_runs
from benchmarks.smallest_tables import format_table, tabulate
from tasks.attacks.engine.fast_model import freeze_copy
from tasks.attacks.engine.norms import measure_size
from tasks.data.images import Images, convert_to_float
from tasks.data.loading import load_splits
from tasks.data.settings import DatasetSettings


def measure(asked: argparse.Namespace) -> None:
    """Print a table of all attacks, and one of the best of ours beside the best peer."""
    torch.set_num_threads(1)
    warnings.filterwarnings("ignore")
    logging.disable(logging.WARNING)
    prepare_imports()
    found, kept = list[Outcome](), read_outcomes(asked.keep)
    for subject in _list_subjects(asked):
        for norm in asked.only or LP:
            for run in list_runs(subject, norm, asked.passes):
                if asked.attacks and run.attack not in asked.attacks:
                    continue
                key = Asked(subject.name, norm, run.attack, run.by, asked.passes, asked.images, asked.first)
                if key not in kept:
                    kept[key] = _run(subject, run, key, asked.repeats)
                    append_outcome(asked.keep, kept[key])
                    print(f"{norm} {run.attack} of {run.by}: {kept[key].seconds:.1f} s", file=sys.stderr, flush=True)
                found.append(kept[key])
    for header, rows in tabulate(found).items():
        print(*format_table(header, rows), "", sep="\n", flush=True)


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
