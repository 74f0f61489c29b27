"""Filters that are really removed: the network becomes smaller and faster.

Channels that a residual connection adds together can only go together, so they are judged together: by the sum of
their importance. Torch-Pruning (Fang et al. 2023, arXiv 2301.12900) knows which layers depend on which.
"""

from __future__ import annotations

import torch
import torch_pruning as tp
from torch import Tensor, nn

from tasks.errors import StageError
from tasks.models.build import NormalizedModel, Shapes, list_weight_shapes
from tasks.pruning.filters import Pruned, find_convolutions, score_filters
from tasks.pruning.settings import PruneSettings

REMOVABLE = (nn.Conv2d, nn.Linear, nn.BatchNorm2d)
"""Layers whose shapes a description can say."""
Groups = list[list[str]]
"""Convolutions whose output channels can only go together."""


def remove_filters(
    model: NormalizedModel, settings: PruneSettings, draw: torch.Generator, shape: tuple[int, ...]
) -> tuple[Shapes, Pruned]:
    """Remove the exact share of every group of channels in scope, the least important first; the model is changed.

    :param shape: one image, [C, H, W].
    :returns: the weight shapes that are no longer the architecture's own; and convolution -> removed filters.
    :raises StageError: no convolution is in scope, or one shares its channels with a convolution outside, or the
        network has layers of which no channels can be removed.
    """
    _require_known_layers(model.network)
    network, before = model.network.eval(), list_weight_shapes(model.network)
    graph = _build_graph(network, torch.zeros(1, *shape, device=model.mean.device))
    removed: Pruned = {}
    for names in _group_channels(network, graph, settings):
        places = _select_least_important(network, names, settings, draw)
        removed |= dict.fromkeys(names, places) if places else {}
        group = graph.get_pruning_group(network.get_submodule(names[0]), tp.prune_conv_out_channels, idxs=places)
        if places:
            group.prune()
    model.to(memory_format=torch.channels_last)
    after = list_weight_shapes(network)
    return {name: size for name, size in after.items() if size != before[name]}, removed


def _require_known_layers(network: nn.Module) -> None:
    for name, layer in network.named_modules():
        if any(True for _ in layer.parameters(recurse=False)) and not isinstance(layer, REMOVABLE):
            raise StageError(
                f"prune.mode = remove knows convolutions, linear layers and batch norm, but {name} is a "
                f"{type(layer).__name__}: choose mode: mask"
            )


def _build_graph(network: nn.Module, example: Tensor) -> tp.DependencyGraph:
    with torch.enable_grad():  # the graph is read from what autograd records
        return tp.DependencyGraph().build_dependency(network, example)


def _group_channels(network: nn.Module, graph: tp.DependencyGraph, settings: PruneSettings) -> Groups:
    names = {module: name for name, module in network.named_modules()}
    scope = find_convolutions(network, settings.scope)
    groups: Groups = []
    for name, convolution in scope.items():
        if any(name in group for group in groups):
            continue
        found = graph.get_pruning_group(convolution, tp.prune_conv_out_channels, idxs=[0])
        coupled = [names[dep.target.module] for dep, _ in found if dep.handler == tp.prune_conv_out_channels]
        members = list(dict.fromkeys([name, *coupled]))
        outside = [member for member in members if member not in scope]
        if outside:
            raise StageError(
                f"prune.scope = {settings.scope!r}: {name} shares its channels with {', '.join(outside)}, which is "
                "outside: they can only be removed together; choose a larger scope, or mode: mask"
            )
        groups.append(members)
    return groups


def _select_least_important(
    network: nn.Module, names: list[str], settings: PruneSettings, draw: torch.Generator
) -> list[int]:
    weights = [network.get_parameter(f"{name}.weight").detach() for name in names]
    count = min(round(settings.ratio * len(weights[0])), len(weights[0]) - 1)  # a layer without filters is none
    total = torch.stack([score_filters(weight, settings, draw) for weight in weights]).sum(0)
    chosen: list[int] = sorted(total.argsort(stable=True)[:count].tolist())
    return chosen
