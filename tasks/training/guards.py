"""What is watched while a model is trained: the validation part, robust overfitting, the best epoch."""

from __future__ import annotations

from typing import Any

from torch import nn

from tasks.data.images import Images
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


def validate_robustness(model: nn.Module, images: Images, settings: TrainSettings, seed: int) -> float | None:
    """Accuracy on the validation part under the validation attack; null where there is none of either."""
    if settings.validation_attack is None:
        return None
    return measure_robust_accuracy(model, images, settings.validation_attack, seed)


def find_collapsed_epoch(history: History) -> int | None:
    """The first epoch after which robust validation accuracy had collapsed: catastrophic overfitting
    (Wong et al. 2020, arXiv 2001.03994); null where it never did."""
    best = 0.0
    for entry in history:
        found = entry.get("robust_validation_accuracy")
        if found is None:
            continue
        if found < COLLAPSE_SHARE * best and best - found >= COLLAPSE_DROP:
            return int(entry["epoch"])
        best = max(best, found)
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
