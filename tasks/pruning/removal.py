"""Filters that are really removed: the network becomes smaller and faster.

Channels that a residual connection adds together can only go together, so they are judged together: by the sum of
their importance. Torch-Pruning (Fang et al. 2023, arXiv 2301.12900) knows which layers depend on which.
"""

from __future__ import annotations

from collections.abc import Iterator

import torch
import torch_pruning as tp
from torch import Tensor, nn

from tasks.errors import MisfitError, Problem
from tasks.models.build import NormalizedModel, Shapes, list_weight_shapes
from tasks.pruning.filters import NOTHING, Pruned, find_batch_norms
from tasks.pruning.layers import Evidence, Layer, find_layers, score_layer, takes_layer
from tasks.pruning.selection import select_least
from tasks.pruning.settings import PruneSettings

REMOVABLE = (nn.Conv2d, nn.Linear, nn.BatchNorm2d)
"""Layers whose shapes a description can say."""
Groups = list[list[str]]
"""Convolutions whose output channels can only go together."""


def remove_filters(
    model: NormalizedModel,
    settings: PruneSettings,
    draw: torch.Generator,
    shape: tuple[int, ...],
    evidence: Evidence = NOTHING,
) -> tuple[Shapes, Pruned]:
    """Remove the exact share of every group of channels in scope, the least important first; the model is changed.

    :param shape: one image, [C, H, W].
    :returns: the weight shapes that are no longer the architecture's own; and convolution -> removed filters.
    :raises StageError: no convolution is in scope, or one shares its channels with a convolution outside, or the
        network has layers of which no channels can be removed.
    """
    before = list_weight_shapes(model.network)
    network, graph, groups = find_groups(model, settings, shape)
    removed = Pruned()
    for names, places in _choose_channels(network, groups, settings, draw, evidence):
        removed |= dict.fromkeys(names, places) if places else {}
        group = graph.get_pruning_group(network.get_submodule(names[0]), tp.prune_conv_out_channels, idxs=places)
        if places:
            group.prune()
    model.to(memory_format=torch.channels_last)
    after = list_weight_shapes(network)
    return {name: size for name, size in after.items() if size != before[name]}, removed


def find_groups(
    model: NormalizedModel, settings: PruneSettings, shape: tuple[int, ...]
) -> tuple[nn.Module, tp.DependencyGraph, Groups]:
    """The network in evaluation mode, which layers depend on which, and the groups of convolutions in scope.

    :param shape: one image, [C, H, W].
    :raises StageError: as `remove_filters`.
    """
    _require_known_layers(model.network)
    network = model.network.eval()
    graph = _build_graph(network, torch.zeros(1, *shape, device=model.mean.device))
    return network, graph, _group_channels(network, graph, settings)


def _require_known_layers(network: nn.Module) -> None:
    for name, layer in network.named_modules():
        if any(True for _ in layer.parameters(recurse=False)) and not isinstance(layer, REMOVABLE):
            text = f"knows convolutions, linear layers and batch norm, but {name} is a {type(layer).__name__}"
            raise MisfitError(Problem("prune.mode", "remove", f"{text}: choose mode: mask"))


def _build_graph(network: nn.Module, example: Tensor) -> tp.DependencyGraph:
    with torch.enable_grad():  # the graph is read from what autograd records
        return tp.DependencyGraph().build_dependency(network, example)


def _group_channels(network: nn.Module, graph: tp.DependencyGraph, settings: PruneSettings) -> Groups:
    names = {module: name for name, module in network.named_modules()}
    scope = find_layers(network, settings.scope, "filters")
    groups: Groups = []
    for name, convolution in scope.items():
        if any(name in group for group in groups):
            continue
        found = graph.get_pruning_group(convolution, tp.prune_conv_out_channels, idxs=[0])
        coupled = [names[dep.target.module] for dep, _ in found if dep.handler == tp.prune_conv_out_channels]
        members = list(dict.fromkeys([name, *coupled]))
        outside = [member for member in members if member not in scope]
        if outside:
            text = f"{name} shares its channels with {', '.join(outside)}, which is outside"
            choice = "they can only be removed together; choose a larger scope, or mode: mask"
            raise MisfitError(Problem("prune.scope", settings.scope, f"{text}: {choice}"))
        groups.append(members)
    return groups


def _choose_channels(
    network: nn.Module, groups: Groups, settings: PruneSettings, draw: torch.Generator, evidence: Evidence
) -> Iterator[tuple[list[str], list[int]]]:
    """Each group, and the positions of its least important channels.

    What goes before is not counted in the norm of a later filter. Everything is measured first where the whole network
    is compared, or a gradient has the shapes of the whole network.
    """
    norms = find_batch_norms(network) if takes_layer(settings.importance) else {}

    def score(names: list[str]) -> Tensor:
        layers = [Layer(name, "filters", norms.get(name), evidence) for name in names]
        weights = [network.get_parameter(f"{name}.weight").detach() for name in names]
        scored = [
            score_layer(weight, settings, draw, layer).cpu() for weight, layer in zip(weights, layers, strict=True)
        ]
        return torch.stack(scored).sum(0)

    if settings.within == "layer" and not takes_layer(settings.importance):
        for names in groups:
            yield names, _select_least_important(score(names), settings.ratio)
        return
    scores = {str(number): score(names) for number, names in enumerate(groups)}
    if settings.within == "network":
        marks = select_least(scores, settings.ratio, settings.within)
        chosen = [mark.nonzero().flatten().tolist() for mark in marks.values()]
    else:
        chosen = [_select_least_important(part, settings.ratio) for part in scores.values()]
    yield from zip(groups, chosen, strict=True)


def _select_least_important(scores: Tensor, ratio: float) -> list[int]:
    count = min(round(ratio * len(scores)), len(scores) - 1)  # a layer without filters is none
    chosen: list[int] = sorted(scores.argsort(stable=True)[:count].tolist())
    return chosen
