"""Which filters go, and how they are kept at zero.

A pruned filter is zero for good only if the batch norm behind it is zero too: its bias would bring the channel back
to life. Filters are named by convolution and position, so that a model needs no mask of its own to be restored.
"""

from __future__ import annotations

import warnings
from dataclasses import dataclass

import torch
from torch import Tensor, fx, nn

from tasks.errors import StageError
from tasks.models.build import NormalizedModel
from tasks.pruning.registry import IMPORTANCES
from tasks.pruning.settings import PruneSettings

Pruned = dict[str, list[int]]
"""Convolution -> positions of its pruned filters, ascending."""


def choose_filters(model: NormalizedModel, settings: PruneSettings, draw: torch.Generator) -> Pruned:
    """The filters to prune: the exact share of every convolution in scope, smallest importance first.

    :raises StageError: no convolution is in scope; the message lists the scopes there are.
    """
    convolutions = find_convolutions(model.network, settings.scope)
    chosen: Pruned = {}
    for name, convolution in convolutions.items():
        count = round(settings.ratio * convolution.out_channels)
        order = score_filters(convolution.weight.detach(), settings, draw).argsort(stable=True)
        chosen[name] = sorted(order[:count].tolist())
    return {name: positions for name, positions in chosen.items() if positions}


def find_convolutions(network: nn.Module, scope: str) -> dict[str, nn.Conv2d]:
    """The convolutions at or below a name, or all of them."""
    found = {
        name: module
        for name, module in network.named_modules()
        if isinstance(module, nn.Conv2d) and (scope == "all" or name == scope or name.startswith(f"{scope}."))
    }
    if not found:
        known = ["all", *(name for name, _ in network.named_children())]
        raise StageError(f"prune.scope = {scope!r}: no convolution there; choose from {', '.join(known)}")
    return found


def score_filters(weight: Tensor, settings: PruneSettings, draw: torch.Generator) -> Tensor:
    """How much each filter of a convolution matters, as the settings measure it.

    :param weight: float [filters, ...].
    :returns: float [filters] on the CPU.
    """
    return IMPORTANCES.load(settings.importance)(weight, draw).cpu()


@torch.no_grad()
def clear_filters(model: NormalizedModel, chosen: Pruned) -> None:
    """Set the weights of filters to zero, and nothing else: neither biases nor the batch norm behind them."""
    modules = dict(model.network.named_modules())
    for name, positions in chosen.items():
        weight = modules[name].get_parameter("weight")
        weight.index_fill_(0, torch.tensor(positions, device=weight.device), 0)


def merge_pruned(before: Pruned, more: Pruned) -> Pruned:
    """Filters pruned by either."""
    names = sorted(before.keys() | more.keys())
    return {name: sorted({*before.get(name, ()), *more.get(name, ())}) for name in names}


@dataclass(frozen=True)
class Mask:
    """Parameters that are held at zero."""

    rows: tuple[tuple[nn.Parameter, Tensor], ...]
    """A parameter, and the positions along its first axis."""

    @classmethod
    def of(cls, model: NormalizedModel, pruned: Pruned) -> Mask:
        """The filters and biases of the convolutions, and weight and bias of the batch norm behind each."""
        if not pruned:
            return cls(())
        modules, norms = dict(model.network.named_modules()), find_batch_norms(model.network)
        rows = []
        for name, positions in pruned.items():
            owners = [modules[name], *([norms[name]] if name in norms else [])]
            index = torch.tensor(positions, device=model.mean.device)
            rows += [(parameter, index) for owner in owners for parameter in owner.parameters(recurse=False)]
        return cls(tuple(rows))

    @torch.no_grad()
    def apply(self) -> None:
        """Set everything that is held at zero to zero."""
        for parameter, index in self.rows:
            parameter.index_fill_(0, index, 0)


def find_batch_norms(network: nn.Module) -> dict[str, nn.BatchNorm2d]:
    """Convolution -> the batch norm that takes its output, as the network's own graph says."""
    modules = dict(network.named_modules())
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        graph = fx.Tracer().trace(network)
    found: dict[str, nn.BatchNorm2d] = {}
    for node in graph.nodes:
        if node.op == "call_module" and isinstance(modules[node.target], nn.BatchNorm2d):
            before = node.args[0]
            if before.op == "call_module" and isinstance(modules[before.target], nn.Conv2d):
                found[str(before.target)] = modules[node.target]
    return found
