"""Scores that are learned: which units of a network may stay, for the loss of what is left to be small."""

from __future__ import annotations

import math
from typing import cast

from torch import Tensor, nn
from torch.func import functional_call
from typing_extensions import Self

from tasks.models.build import NormalizedModel
from tasks.pruning.filters import find_batch_norms
from tasks.pruning.layers import find_layers, split_units
from tasks.pruning.selection import Marks, select_least
from tasks.pruning.settings import PruneSettings

SMALLEST = 1e-30
"""Weights below this size are all the same to the first scores."""


class ScoredModel(nn.Module):
    """A model whose weights stand still, behind a mask of its highest scores, which are its parameters.

    HYDRA, Sehwag et al. 2020 (arXiv 2002.10509): a step forward keeps the units of the highest absolute scores, and the
    gradient of the mask is given to the scores as it is. Statistics of batch norm are those of what is left.
    """

    def __init__(self, model: NormalizedModel, settings: PruneSettings) -> None:
        """:param model: it is kept, without gradients of its weights; only statistics of batch norm change."""
        super().__init__()
        self.model = model.requires_grad_(False)
        self.settings = settings
        layers = find_layers(model.network, settings.scope, settings.unit)
        self.names = list(layers)
        weights = [layer.get_parameter("weight") for layer in layers.values()]
        self.scores = nn.ParameterList([nn.Parameter(draft_scores(weight, settings)) for weight in weights])
        self._parts = _list_parts(model, self.names, settings)
        self._marks: Marks | None = None

    def train(self, mode: bool = True) -> Self:
        """As every module; between two changes of the mode in evaluation mode the mask is the same."""
        self._marks = None
        return super().train(mode)

    def forward(self, pixels: Tensor) -> Tensor:
        """As the model without what its scores prune: float [N, C, H, W] in [0, 1] -> logits [N, classes]."""
        return cast(Tensor, functional_call(self.model, self._mask_parameters(), (pixels,)))

    def get_learned(self) -> dict[str, Tensor]:
        """Layer -> scores of its units, float [filters] or of the shape of its weight."""
        return {name: score.detach() for name, score in zip(self.names, self.scores, strict=True)}

    def mark_units(self) -> Marks:
        """Layer -> bool, of the shape of its scores: what they prune now."""
        if self._marks is not None:
            return self._marks
        marks = self.select_units()
        if not self.training:
            self._marks = marks
        return marks

    def select_units(self) -> Marks:
        """The same, found anew."""
        sizes = {name: score.abs() for name, score in self.get_learned().items()}
        return select_least(sizes, self.settings.ratio, self.settings.within)

    def soften(self, name: str, score: Tensor) -> Tensor:  # noqa: ARG002
        """What stands for the mask of a layer on the way back, float [filters], or of the shape of its weight."""
        return score.abs()

    def _mask_parameters(self) -> dict[str, Tensor]:
        """Name -> parameter behind its mask; the mask is 0 or 1, and its gradient is that of the absolute score."""
        marks, masked = self.mark_units(), {}
        for name, score in zip(self.names, self.scores, strict=True):
            if name in marks:
                size = self.soften(name, score)
                kept = (~marks[name]).to(size.dtype) + (size - size.detach())
                for part in self._parts[name]:
                    value = self.model.get_parameter(part)
                    whole = kept.shape == value.shape
                    masked[part] = value * (kept if whole else kept.view(-1, *[1] * (value.ndim - 1)))
        return masked


def _list_parts(model: NormalizedModel, names: list[str], settings: PruneSettings) -> dict[str, list[str]]:
    """Layer -> the parameters that go with its units, as pruning sets them to zero."""
    if settings.unit == "weights" or settings.mode == "once":
        return {name: [f"network.{name}.weight"] for name in names}
    norms, places = find_batch_norms(model.network), {id(part): name for name, part in model.named_parameters()}
    owners = {name: [model.network.get_submodule(name), *([norms[name]] if name in norms else [])] for name in names}
    return {
        name: [places[id(part)] for layer in found for part in layer.parameters()] for name, found in owners.items()
    }


def draft_scores(weight: Tensor, settings: PruneSettings) -> Tensor:
    """The scores that learning begins with, in the order of the sizes of weights, scaled by the layer (section 3.2):
    sqrt(6 / fan_in) w / max |w|; of a filter the L1 norm in the place of w.

    :param weight: float [filters, ...].
    :returns: float [filters], or of the shape of the weight.
    """
    weight = weight.detach()
    given = weight if settings.unit == "weights" else split_units(weight, "filters").abs().flatten(1).sum(1)
    scale = math.sqrt(6 / weight[0].numel())
    return scale * given / given.abs().amax().clamp_min(SMALLEST)
