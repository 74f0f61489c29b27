"""Study A end to end on images in the layout of Animals-10, with weights from a file, as small as can be."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch

from orchestrator.space import space as spaces
from tasks.data.source import inspect_dataset
from tasks.data.sources.animals10 import ENGLISH
from tasks.models.build import Description, build_model
from tasks.models.settings import ModelSettings
from tasks.stages.run import run_chain
from tasks.trial.chain import build_chain
from tasks.trial.row import Row, make_finished_row
from tests.support.small import context, write_images

pytestmark = pytest.mark.slow


def test_pruning_grid_on_a_tiny_animals10(tmp_path: Path) -> None:
    write_images(tmp_path / "data" / "raw-img", tuple(ENGLISH), 4, ".jpeg")
    settings = ModelSettings(name="resnet18", stem="imagenet")
    torch.save(build_model(Description.of(settings, 3, 1000)).network.state_dict(), tmp_path / "resnet18.pth")
    for mode in ("mask", "remove"):  # both prune one trained model
        row = run_trial(tmp_path, mode)
        assert (row["dataset"], row["examples"], row["lambda"]) == ("animals10", 8, 0.9)
        assert (row["parameters"] < 7e6) == (mode == "remove")
        assert row["nonzero_parameters"] < 0.85 * 11.2e6


def run_trial(folder: Path, mode: str) -> Row:
    """The row of a trial of the study with a mode of pruning, on the images and from the weights of a folder."""
    smaller: dict[str, Any] = {
        "seed": 0,
        "dataset.examples": 40,
        "dataset.image_size": 32,
        "model.name": "resnet18",
        "model.weights": folder / "resnet18.pth",
        "train.epochs": 1,
        "finetune.epochs": 1,
        "prune.ratio": 0.4,
        "prune.mode": mode,
    }
    space = spaces.load("pruning_grid", [f"{path}={value}" for path, value in smaller.items()])
    (trial,) = [
        trial
        for trial in space.trials
        if (tuning := trial.adversarial_finetune)
        and tuning.attack
        and (tuning.epochs, tuning.weight, tuning.attack.eps) == (3, 0.9, 8 / 255)
        and (trial.attack.method.eps, trial.attack.method.reported_steps) == (8 / 255, 1)
    ]
    stages = build_chain(trial, inspect_dataset(trial.dataset, folder / "data").fingerprint)
    return make_finished_row(trial, stages, run_chain(stages, context(folder / "results", folder / "data")))
