"""What is watched while a model is trained: the validation part, robust overfitting, the best epoch."""

from __future__ import annotations

from typing import Any

import torch
from torch import nn

from tasks.attacks.base import MethodSettings
from tasks.attacks.gradient.settings import PgdSettings
from tasks.data.images import Splits
from tasks.seeds import make_generator
from tasks.training.checkpoint import TrainingProgress
from tasks.training.examples import measure_robust_accuracy
from tasks.training.settings import Keep, TrainSettings

COLLAPSE_SHARE, COLLAPSE_DROP = 0.5, 0.1
"""Robust validation accuracy has collapsed when it falls below half of its best, and by at least 10 points."""

BEST: dict[Keep, tuple[str, int]] = {
    "best_accuracy": ("validation_accuracy", 1),
    "best_loss": ("validation_loss", -1),
    "best_robust_accuracy": ("robust_validation_accuracy", 1),
}
"""Policy -> column of the history, and whether more is better."""

History = list[dict[str, Any]]
PROBED, PROBE_STEPS = 128, 10
"""Training images under the probe, and its steps."""


def watch_robustness(model: nn.Module, data: Splits, settings: TrainSettings, seed: int) -> dict[str, float | None]:
    """The columns of the history that tell what a single-step attack in training may hide.

    Accuracy on the validation part under the validation attack, and on some training images under `choose_probe`; null
    where there is no such part or attack.
    """
    found: dict[str, float | None] = {"robust_validation_accuracy": None, "robust_train_accuracy": None}
    if settings.validation_attack is not None:
        robust = measure_robust_accuracy(model, data.validation, settings.validation_attack, seed)
        found["robust_validation_accuracy"] = robust
    probe = choose_probe(settings)
    if probe is not None:
        order = torch.randperm(len(data.train), generator=make_generator(seed, "probe"))
        images = data.train.select(order[:PROBED].to(data.train.device))
        found["robust_train_accuracy"] = measure_robust_accuracy(model, images, probe, seed)
    return found


def choose_probe(settings: TrainSettings) -> MethodSettings | None:
    """PGD with the budget of a training attack that takes a single step; null where training needs no probe."""
    attack = settings.chosen_objective.training_attack
    if attack is None or not attack.is_single_step() or not attack.eps or attack.norm not in PgdSettings.norms():
        return None
    return PgdSettings.model_validate({"norm": attack.norm, "eps": attack.eps, "steps": PROBE_STEPS})


def find_collapsed_epoch(history: History) -> int | None:
    """The first epoch after which training had overfitted catastrophically (Wong et al. 2020, arXiv 2001.03994):
    robust accuracy had fallen, on the validation part, or on training images while that on the examples of training had
    not; null where it never did."""
    falls = [_find_fall(history, "robust_validation_accuracy"), _find_fall(history, "robust_train_accuracy")]
    seen = [fall for fall in falls if fall is not None]
    return min(seen, default=None)


def _find_fall(history: History, column: str) -> int | None:
    """The first epoch in which the column lies far below its best before."""
    best: dict[str, Any] = {column: 0.0, "train_accuracy": 0.0}
    for entry in history:
        found = entry.get(column)
        if found is None:
            continue
        fallen = found < COLLAPSE_SHARE * best[column] and best[column] - found >= COLLAPSE_DROP
        if fallen and (column != "robust_train_accuracy" or entry["train_accuracy"] >= best["train_accuracy"]):
            return int(entry["epoch"])
        best = max(best, entry, key=lambda one: float(one[column]))
    return None


def find_best_epoch(history: History, keep: Keep) -> int:
    """The epoch whose weights are kept; the first of equals.

    :param history: one entry at least.
    """
    if keep == "last":
        return len(history) - 1
    column, sign = BEST[keep]
    scores = [sign * entry[column] for entry in history]
    return scores.index(max(scores))


def note_best(progress: TrainingProgress, keep: Keep) -> None:
    """Keep a copy of the weights where the epoch that has just ended is the best so far."""
    if keep != "last" and find_best_epoch(progress.history, keep) == progress.epoch - 1:
        progress.best = {name: value.detach().clone() for name, value in progress.model.state_dict().items()}


def summarize_training(history: History, keep: Keep) -> dict[str, Any]:
    """The metrics of a stage that trains: the epoch whose weights it publishes, and what was noticed on the way."""
    if not history:
        return {}
    kept = history[find_best_epoch(history, keep)]
    reached = [entry["eps_reached"] for entry in history if entry.get("eps_reached") is not None]
    whole = {"epochs": len(history), "eps_reached": max(reached, default=None)}
    return {**kept, **whole, "catastrophic_overfitting_epoch": find_collapsed_epoch(history)}
