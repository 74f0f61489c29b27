"""Whether a network can be pruned as a section says, asked of one without weights."""

from __future__ import annotations

import torch

from tasks.errors import MisfitError, Problem
from tasks.models.build import NormalizedModel
from tasks.pruning.filters import score_units
from tasks.pruning.layers import Evidence, find_layers
from tasks.pruning.removal import find_groups
from tasks.pruning.settings import PruneSettings


def check_prunable(model: NormalizedModel, settings: PruneSettings, shape: tuple[int, ...]) -> None:
    """Score what is in scope, and group what can only be removed together.

    :param model: it may be on torch's meta device; whatever is measured in training is taken for the weights.
    :param shape: one image, [C, H, W].
    :raises StageError: the network has nothing in scope that can be pruned so.
    """
    layers = find_layers(model.network, settings.scope, settings.unit)
    weights = {name: layer.get_parameter("weight").detach() for name, layer in layers.items()}
    learned = {
        name: weight if settings.unit == "weights" else weight.flatten(1).sum(1) for name, weight in weights.items()
    }
    score_units(model, settings, torch.Generator(), Evidence(lambda: weights, learned))
    if settings.mode == "remove":
        find_groups(model, settings, shape)


def check_ratio(model: NormalizedModel, settings: PruneSettings) -> None:
    """Count what is in scope.

    :param model: it may be on torch's meta device.
    :raises MisfitError: the ratio rounds to nothing, or to all of a layer, which would let nothing through.
    """
    try:
        layers = find_layers(model.network, settings.scope, settings.unit)
    except MisfitError:  # as `check_prunable` says
        return
    weights = [layer.get_parameter("weight") for layer in layers.values()]
    sizes = [weight.numel() if settings.unit == "weights" else len(weight) for weight in weights]
    together = [sum(sizes)] if settings.within == "network" else sizes
    if settings.ratio and not any(round(settings.ratio * size) for size in together):
        where = "all layers have" if settings.within == "network" else "the largest layer has"
        problem = f"prunes nothing: {where} {max(together)} {settings.unit} in scope"
        raise MisfitError(Problem("prune.ratio", settings.ratio, problem))
    if settings.within != "layer" or settings.mode == "remove":  # which leave one at least
        return
    smallest = min(sizes)
    if round(settings.ratio * smallest) == smallest:
        emptied = next(name for name, size in zip(layers, sizes, strict=True) if size == smallest)
        most = f"at most {1 - 1 / smallest:g} leaves one" if smallest > 1 else "choose a scope without it"
        problem = f"leaves none of the {smallest} {settings.unit} of {emptied}: {most}"
        raise MisfitError(Problem("prune.ratio", settings.ratio, problem))
