"""A model whose loss is known, and training that is broken off."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn

from tasks.stages.context import Context
from tasks.training.objectives.step import Batch
from tasks.trial.chain import Stage
from tests.support.small import SGD, context, run, trial, weights

FGSM = {"name": "fgsm", "eps": 0.1}
HELD_OUT = {"name": "digits", "train_examples": 120, "split": {"validation": 0.25}}
TRAIN = {"epochs": 1, "batch_size": 50, "optimizer": SGD}
ADAM = {"name": "adam", "lr": 0.01, "weight_decay": 1e-3}


def linear(scale: float) -> nn.Module:
    """A model whose loss is known: two classes, logits (s x, -s x) of a single pixel."""
    layer = nn.Linear(1, 2, bias=False)
    layer.weight.data = torch.tensor([[scale], [-scale]])
    return nn.Sequential(nn.Flatten(), layer).train()


def make_batch(count: int = 8) -> Batch:
    """Grey images of a single pixel, all of class 0."""
    return Batch(torch.full((count, 1, 1, 1), 0.5), torch.zeros(count, dtype=torch.int64), torch.arange(count))


def make_draw() -> torch.Generator:
    """Random numbers that are the same in every test."""
    return torch.Generator().manual_seed(0)


class _StoppedError(Exception):
    """Stands for a kill between two epochs."""


def interrupted(sections: dict[str, Any], folder: Path, kind: str, epoch: int) -> None:
    """Run a trial and break off after this epoch of this stage."""

    def stop(stage: Stage, entry: dict[str, Any]) -> None:
        if (stage.kind, entry["epoch"] + 1) == (kind, epoch):
            raise _StoppedError

    at = context(folder)
    with pytest.raises(_StoppedError):
        run(trial(**sections), Context(at.store, None, "cpu", on_epoch=stop))


def final_weights(sections: dict[str, Any], folder: Path) -> dict[str, torch.Tensor]:
    """Of the last stage that makes a model, by name; the trial goes on where it was broken off."""
    at = context(folder)
    return weights(run(trial(**sections), at)[-2], at)
