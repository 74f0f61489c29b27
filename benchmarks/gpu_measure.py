"""What is measured on a GPU, with the parts that a sweep uses: its training loop, its evaluator, its stages."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from tasks.attacks.registry import ATTACKS
from tasks.data.images import Images, Splits
from tasks.data.settings import AugmentSettings
from tasks.data.source import inspect_dataset
from tasks.evaluation.evaluate import evaluate
from tasks.evaluation.settings import AttackSettings
from tasks.models.build import Description, NormalizedModel, build_model
from tasks.models.settings import ModelSettings
from tasks.models.size import measure_model
from tasks.stages.context import Context, place_model
from tasks.stages.run import run_chain
from tasks.storage.stage_store import StageStore
from tasks.storage.storage import open_storage
from tasks.training.checkpoint import TrainingProgress
from tasks.training.loop import fit
from tasks.training.objectives.step import ObjectiveContext, build_objective
from tasks.training.optimizers import build_optimizer
from tasks.training.settings import TrainSettings
from tasks.trial.chain import build_chain
from tasks.trial.trial import Trial, simplify_trial

PEAKS = {"H100": 989e12, "H200": 989e12, "A100": 312e12, "A10G": 70e12, "L4": 121e12, "V100": 125e12}
"""Words in a card's name -> dense bf16 (V100: fp16) multiply-adds and additions per second, by its data sheet."""
EPSILON = "8/255"
BUDGETS = {"linf": EPSILON, "l0": 10, "l1": 5.0, "l2": 0.5}
"""Of the comparison of verdicts, by norm."""
PGD = {"name": "pgd", "eps": EPSILON, "steps": 10}
STANDARD = {"name": "standard"}


@dataclass(frozen=True)
class Size:
    """How much is measured."""

    model: str
    images: int
    pixels: int
    """Height and width."""
    batch: int
    epochs: int
    """Of the recipes."""
    dataset: Mapping[str, Any]
    examples: int
    """Test images of the comparison of verdicts."""
    attack: str
    """That judges the recipes."""
    recipe_batch: int
    """Images of a step of the recipes."""


FULL = Size("resnet18", 50_000, 32, 512, 100, {"name": "cifar10"}, 1000, "autoattack", 128)
TOY = Size("resnet8", 60, 8, 20, 1, {"name": "digits", "train_examples": 60}, 4, "ifgsm", 20)


def find_peak(device: str) -> float | None:
    """Of the card, in floating-point operations a second; null where its name is not known."""
    name = torch.cuda.get_device_name() if device == "cuda" else ""
    return next((peak for word, peak in PEAKS.items() if word in name), None)


def make_images(size: Size, count: int, device: str) -> Images:
    """Random pixels of the size: how fast they are does not depend on what they show."""
    draw = torch.Generator().manual_seed(0)
    pixels = torch.randint(0, 256, (count, 3, size.pixels, size.pixels), dtype=torch.uint8, generator=draw)
    labels = torch.randint(0, 10, (count,), generator=draw)
    return Images(pixels, labels, tuple("0123456789")).to(torch.device(device))


def make_model(size: Size, device: str) -> NormalizedModel:
    """Of the size, with initial weights."""
    torch.manual_seed(0)
    return place_model(build_model(Description.of(ModelSettings(name=size.model), 3, 10)), torch.device(device))


def measure_training(
    size: Size, device: str, precision: str, objective: Mapping[str, Any] = STANDARD, batch: int | None = None
) -> tuple[float, float]:
    """Images per second of training, and floating-point operations per second if it is standard, from its second epoch.

    :param batch: images of a step; None: as the size says.
    """
    settings = TrainSettings.model_validate(
        {
            "epochs": 2,
            "batch_size": batch or size.batch,
            "precision": precision,
            "objective": dict(objective),
            "optimizer": {"name": "sgd", "lr": 0.01, "momentum": 0.9},
        }
    )
    model, images = make_model(size, device), make_images(size, size.images, device)
    macs = measure_model(model, (3, size.pixels, size.pixels))["macs"]
    loss = build_objective(settings.chosen_objective, ObjectiveContext(model, images, [], 0))
    optimizer = build_optimizer(model.parameters(), settings.optimizer)
    progress = TrainingProgress(model, optimizer, torch.Generator().manual_seed(0), [])
    augment = AugmentSettings(flip=True, crop=4)
    data = Splits(images, make_images(size, 0, device), make_images(size, 0, device))
    idle = dict.fromkeys(("after_step", "after_epoch"), lambda: None)
    fit(progress, data, settings, loss, augment, seed=0, **idle)
    rate = size.images / progress.history[-1]["seconds"]
    return rate, rate * 3 * 2 * macs


def measure_attack(size: Size, device: str) -> float:
    """Images per second under PGD of ten steps, verdicts included; every step is taken."""
    cell = AttackSettings.model_validate(
        {"method": PGD, "batch_size": size.batch, "stop_when_fooled": False, "precision": "fp32"}
    )
    model, images = make_model(size, device), make_images(size, max(size.images // 10, 10), device)
    seconds = []
    for _ in range(2):
        started = time.perf_counter()
        evaluate(model, images, [cell], 0, 1.0)
        seconds.append(time.perf_counter() - started)
    return len(images) / seconds[-1]


def measure_packing(arguments: list[str], processes: int) -> float:
    """Images per second of so many attacks at the same time on one GPU, each a process of its own."""
    command = [sys.executable, "-m", "benchmarks", "gpu", *arguments, "--only", "attack alone"]
    started = [subprocess.Popen(command, stdout=subprocess.PIPE, text=True) for _ in range(processes)]
    texts = [process.communicate()[0] for process in started]
    assert not any(process.returncode for process in started), texts
    return sum(float(text.split()[-1]) for text in texts)


def run_trial(sections: Mapping[str, Any], folder: Path, data_dir: Path | None, device: str) -> list[dict[str, Any]]:
    """The records of a trial's chain; stages that the folder has are not computed again."""
    folder.mkdir(parents=True, exist_ok=True)
    trial = simplify_trial(Trial.model_validate(sections))
    chain = build_chain(trial, inspect_dataset(trial.dataset, data_dir).fingerprint)
    context = Context(StageStore(open_storage(folder)), data_dir, device)
    return list(run_chain(chain, context).values())


def describe_recipe(size: Size, objective: Mapping[str, Any], attack: Mapping[str, Any]) -> dict[str, Any]:
    """A trial of the FastAT benchmark: SGD, cyclic rate up to 0.2, batches of 128, flipped and shifted images."""
    return {
        "dataset": {**size.dataset, "augment": {"flip": size is FULL, "crop": 4 if size is FULL else 1}},
        "model": {"name": size.model},
        "train": {
            "epochs": size.epochs,
            "batch_size": size.recipe_batch,
            "precision": "bf16",
            "objective": dict(objective),
            "optimizer": {"name": "sgd", "lr": 0.2, "momentum": 0.9, "weight_decay": 5e-4},
            "schedule": {"name": "one_cycle", "peak": 0.4},
        },
        "attack": dict(attack),
    }


def compare_verdicts(size: Size, folder: Path, data_dir: Path | None, device: str) -> list[tuple[str, int, int, int]]:
    """For every attack within a ball: its name, images, and how many are robust by CPU and device, of one model."""
    import shutil

    trained = {**describe_recipe(size, {"name": "standard"}, {}), "attack": {"name": "fgsm", "eps": 0.0, "examples": 1}}
    trained["train"] = {**trained["train"], "epochs": min(size.epochs, 5), "precision": "fp32"}
    run_trial(trained, folder / "cpu", data_dir, device)
    shutil.copytree(folder / "cpu", folder / "device")  # the model is the same: only the attack differs
    found = []
    for name in ATTACKS:
        fields = ATTACKS.load(name).model_fields
        norm = fields["norm"].default
        if norm not in BUDGETS:  # without a ball it needs a second model to judge it
            continue
        section: dict[str, Any] = {"name": name, "examples": size.examples, "eps": BUDGETS[norm]}
        if "steps" in fields and size is TOY:
            section["steps"] = 3
        if "generator" in fields and size is TOY:
            section["generator"] = {"name": fields["generator"].default.name, "epochs": 1, "width": 4}
        records = [
            run_trial({**trained, "attack": section}, folder / place, data_dir, at)[-1]["metrics"]
            for place, at in (("cpu", "cpu"), ("device", device))
        ]
        found.append((name, size.examples, *(record["robust_correct"] for record in records)))
    return found
