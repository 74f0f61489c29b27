"""The layers that are pruned, and what an importance may know of one beside its weight."""

from __future__ import annotations

import inspect
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import torch
from torch import Tensor, nn

from tasks.errors import MisfitError, Problem
from tasks.pruning.registry import IMPORTANCES, Unit
from tasks.pruning.settings import PruneSettings

PRUNABLE: dict[Unit, tuple[type[nn.Module], ...]] = {"filters": (nn.Conv2d,), "weights": (nn.Conv2d, nn.Linear)}


@dataclass(frozen=True)
class Evidence:
    """What is known of a network beside its weights. Nothing is computed before an importance asks for it."""

    compute_gradients: Callable[[], Mapping[str, Tensor]] = dict
    """Layer -> gradient of a loss over training images, of the shape of its weight."""
    learned: Mapping[str, Tensor] = field(default_factory=dict)
    """Layer -> scores that were learned for its units, float [filters] or of the shape of its weight."""

    @cached_property
    def gradients(self) -> Mapping[str, Tensor]:
        """Layer -> the same gradient, float of the shape of its weight [filters, ...], computed once."""
        return self.compute_gradients()


@dataclass(frozen=True)
class Layer:
    """What is known of a layer beside its weight."""

    name: str
    unit: Unit
    batch_norm: nn.BatchNorm2d | None
    """The one that takes its output."""
    evidence: Evidence

    @property
    def gradient(self) -> Tensor:
        """Of a loss over training images, float [units, ...] as the weight."""
        return split_units(self.evidence.gradients[self.name], self.unit)

    @property
    def learned(self) -> Tensor:
        """The scores that were learned, float [units]."""
        return self.evidence.learned[self.name].flatten()


def find_layers(network: nn.Module, scope: str, unit: Unit) -> dict[str, nn.Module]:
    """The layers at or below a name whose units can be pruned, or all of them.

    :raises MisfitError: there is none; it says what was looked for, what is there, and the scopes there are.
    """
    inside = {name: module for name, module in network.named_modules() if _is_inside(name, scope)}
    found = {name: module for name, module in inside.items() if isinstance(module, PRUNABLE[unit])}
    if not found:
        raise MisfitError(_describe_lack(network, scope, unit, inside))
    return found


def _is_inside(name: str, scope: str) -> bool:
    return scope == "all" or name == scope or name.startswith(f"{scope}.")


def _describe_lack(network: nn.Module, scope: str, unit: Unit, inside: Mapping[str, nn.Module]) -> Problem:
    what = "convolution" if unit == "filters" else "convolution or linear layer"
    kinds = Counter(type(module).__name__ for module in inside.values() if list(module.parameters(recurse=False)))
    there = ", ".join(f"{count} {kind}" for kind, count in sorted(kinds.items())) or "no parameters at all"
    if scope == "all":
        more = "; unit: weights prunes linear layers as well" if unit == "filters" and "Linear" in kinds else ""
        return Problem("prune.unit", unit, f"no {what} in the whole model, which has {there}{more}")
    having = [
        name
        for name, child in network.named_children()
        if any(isinstance(module, PRUNABLE[unit]) for module in child.modules())
    ]
    reason = f"no {what} there, but {there}" if inside else "the model has no module of that name"
    return Problem("prune.scope", scope, f"{reason}; choose from {', '.join(['all', *having])}")


def split_units(weight: Tensor, unit: Unit) -> Tensor:
    """The weight of a layer, float [units, ...]: a weight alone is a filter of one."""
    return weight if unit == "filters" else weight.reshape(-1, 1)


def takes_layer(importance: str) -> bool:
    """Whether an importance asks for more than the weight of a layer."""
    return len(inspect.signature(IMPORTANCES.load(importance)).parameters) > 2


def score_layer(weight: Tensor, settings: PruneSettings, draw: torch.Generator, layer: Layer) -> Tensor:
    """How much each unit of a layer matters, as the settings measure it.

    :param weight: float [filters, ...], without a gradient.
    :returns: float [filters], or of the shape of the weight.
    """
    score = IMPORTANCES.load(settings.importance)
    more: tuple[Any, ...] = (layer,) if takes_layer(settings.importance) else ()
    scores = score(split_units(weight, settings.unit), draw, *more)
    return scores if settings.unit == "filters" else scores.view(weight.shape)
