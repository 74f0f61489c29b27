"""Which units go, and how they are kept at zero.

A pruned filter is zero for good only if the batch norm behind it is zero too: its bias would bring the channel back
to life. Filters are named by convolution and position, so that a model needs no mask of its own to be restored; single
weights are too many for that: their layers are named, and what is zero there is held at zero.
"""

from __future__ import annotations

import warnings
from collections.abc import Collection, Mapping
from dataclasses import dataclass

import torch
from torch import Tensor, fx, nn

from tasks.errors import MisfitError, Problem
from tasks.models.build import NormalizedModel
from tasks.models.conditional import ConditionalNorm
from tasks.pruning.layers import Evidence, Layer, find_layers, score_layer
from tasks.pruning.selection import Marks, fits_pattern, select_least
from tasks.pruning.settings import PruneSettings, parse_pattern
from tasks.transfer import fetch

Pruned = dict[str, list[int]]
"""Convolution -> positions of its pruned filters, ascending."""
NOTHING = Evidence()


def mark_units(
    model: NormalizedModel,
    settings: PruneSettings,
    draw: torch.Generator,
    evidence: Evidence = NOTHING,
    held: Mapping[str, Tensor] | None = None,
) -> Marks:
    """The exact share of units in scope, smallest importance first; on the CPU.

    :param held: layer -> bool [filters] or [out, in, ...]: what is pruned already, which goes before all others.
    :raises StageError: as `score_units`.
    """
    scores = fetch(score_units(model, settings, draw, evidence))
    for name, pruned in fetch(held or {}).items():
        scores[name] = scores[name].masked_fill(pruned, -torch.inf)
    return select_least(scores, settings.ratio, settings.within)


def score_units(
    model: NormalizedModel, settings: PruneSettings, draw: torch.Generator, evidence: Evidence = NOTHING
) -> dict[str, Tensor]:
    """How much each unit in scope matters: layer -> float [filters], or of the shape of its weight.

    :raises MisfitError: no layer is in scope, or none that the pattern divides; it says which scopes there are.
    :raises StageError: the importance asks for what a layer lacks.
    """
    layers = find_layers(model.network, settings.scope, settings.unit)
    weights = {name: layer.get_parameter("weight").detach() for name, layer in layers.items()}
    pattern = parse_pattern(settings.within)
    if pattern and not any(fits_pattern(weight, pattern[1]) for weight in weights.values()):
        counts = ", ".join(str(count) for count in sorted({weight.shape[1] for weight in weights.values()}))
        lack = f"it divides the input channels of no layer in scope, which are {counts}"
        raise MisfitError(Problem("prune.within", settings.within, lack))
    norms = find_batch_norms(model.network) if settings.unit == "filters" else {}
    return {
        name: score_layer(weight, settings, draw, Layer(name, settings.unit, norms.get(name), evidence))
        for name, weight in weights.items()
    }


def choose_filters(
    model: NormalizedModel, settings: PruneSettings, draw: torch.Generator, evidence: Evidence = NOTHING
) -> Pruned:
    """The filters to prune: the exact share of every convolution in scope, smallest importance first.

    :raises StageError: no convolution is in scope; the message lists the scopes there are.
    """
    return list_positions(mark_units(model, settings, draw, evidence))


def list_positions(marks: Mapping[str, Tensor]) -> Pruned:
    """Marked filters, bool [filters], by their positions; convolutions without one are left out."""
    found = {name: mark.nonzero().flatten().tolist() for name, mark in fetch(marks).items()}
    return {name: positions for name, positions in found.items() if positions}


@torch.no_grad()
def clear_filters(model: NormalizedModel, chosen: Pruned) -> None:
    """Set the weights of filters to zero, and nothing else: neither biases nor the batch norm behind them."""
    modules = dict(model.network.named_modules())
    for name, positions in chosen.items():
        weight = modules[name].get_parameter("weight")
        weight.index_fill_(0, torch.tensor(positions, device=weight.device), 0)


@torch.no_grad()
def clear_weights(model: NormalizedModel, marks: Mapping[str, Tensor]) -> None:
    """Set single weights to zero.

    :param marks: layer -> bool, of the shape of its weight: [out, in, ...].
    """
    for name, mark in marks.items():
        weight = model.network.get_submodule(name).get_parameter("weight")
        weight.masked_fill_(mark.to(weight.device), 0)


def merge_pruned(before: Pruned, more: Pruned) -> Pruned:
    """Filters pruned by either."""
    names = sorted(before.keys() | more.keys())
    return {name: sorted({*before.get(name, ()), *more.get(name, ())}) for name in names}


@dataclass(frozen=True)
class Mask:
    """Parameters that are held at zero."""

    parameters: Mapping[str, nn.Parameter]
    """Those of the model, by name."""
    rows: tuple[tuple[str, Tensor], ...]
    """A parameter, and the positions along its first axis."""
    zeros: tuple[tuple[str, Tensor], ...] = ()
    """A parameter, and where it is held, bool of its shape."""

    @classmethod
    def of(cls, model: NormalizedModel, pruned: Pruned, sparse: Collection[str] = ()) -> Mask:
        """The filters and biases of the convolutions, and weight and bias of the batch norm behind each.

        :param sparse: layers whose weights that are zero now are held.
        """
        parameters, device = dict(model.named_parameters()), model.mean.device
        norms = find_batch_norms(model.network) if pruned else {}
        places = {id(parameter): name for name, parameter in parameters.items()}
        rows = []
        for name, positions in pruned.items():
            owners = [model.network.get_submodule(name), *([norms[name]] if name in norms else [])]
            index = torch.tensor(positions, device=device)
            rows += [(places[id(part)], index) for owner in owners for part in owner.parameters(recurse=False)]
        weights = [places[id(model.network.get_submodule(name).get_parameter("weight"))] for name in sparse]
        return cls(parameters, tuple(rows), tuple((name, parameters[name].detach() == 0) for name in weights))

    def apply(self) -> None:
        """Set everything that is held at zero to zero."""
        self.clear(self.parameters)

    @torch.no_grad()
    def clear(self, tensors: Mapping[str, Tensor]) -> None:
        """The same for tensors of the same names and shapes, such as averaged weights, float [filters, ...]."""
        for name, index in self.rows:
            tensors[name].index_fill_(0, index, 0)
        for name, held in self.zeros:
            tensors[name].masked_fill_(held, 0)


class _Tracer(fx.Tracer):
    """torch's, for which batch norm that takes lambda is one layer: it holds pruned channels at zero itself."""

    def is_leaf_module(self, m: nn.Module, module_qualified_name: str) -> bool:
        return isinstance(m, ConditionalNorm) or super().is_leaf_module(m, module_qualified_name)


def find_batch_norms(network: nn.Module) -> dict[str, nn.BatchNorm2d]:
    """Convolution -> the batch norm that takes its output, as the network's own graph says."""
    modules = dict(network.named_modules())
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        graph = _Tracer().trace(network)
    found: dict[str, nn.BatchNorm2d] = {}
    for node in graph.nodes:
        if node.op == "call_module" and isinstance(modules[node.target], nn.BatchNorm2d):
            before = node.args[0]
            if before.op == "call_module" and isinstance(modules[before.target], nn.Conv2d):
                found[str(before.target)] = modules[node.target]
    return found
