"""Scores that are learned, and with them how much of each layer may stay."""

from __future__ import annotations

from dataclasses import replace

import torch
from torch import Tensor, nn

from tasks.models.build import NormalizedModel
from tasks.pruning.selection import Marks
from tasks.pruning.settings import PruneSettings
from tasks.training.objectives.step import Batch, ExampleObjective, Objective, StepOutcome, split_objective
from tasks.training.sparsity.learned import ScoredModel

LEAST = 0.1
"""A layer keeps at least this share of what it would keep if all layers kept the same."""


class RatedModel(ScoredModel):
    """As a scored model; each layer keeps a share of its own, which is learned with the scores.

    HARP, Zhao and Wressnegger 2023 (arXiv 2412.14714). A layer of share a keeps the scores above their quantile 1 - a;
    on the way back the mask counts as score minus quantile, so that the share has a gradient. It begins with the same
    share in all layers.
    """

    sizes: Tensor
    """Units of each layer, float [layers]."""

    def __init__(self, model: NormalizedModel, settings: PruneSettings) -> None:
        """:param model: as for a scored model."""
        super().__init__(model, settings)
        self.allowed = 1 - settings.ratio
        """The share that all layers together may keep."""
        self.least = LEAST * self.allowed
        start = torch.logit(torch.tensor((self.allowed - self.least) / (1 - self.least)))
        self.rates = nn.Parameter(start.repeat(len(self.names)).to(model.mean.device))
        sizes = torch.tensor([float(score.numel()) for score in self.scores], device=model.mean.device)
        self.register_buffer("sizes", sizes, persistent=False)

    def compute_shares(self) -> Tensor:
        """What each layer keeps of its units, float [layers] in (least, 1); one unit at least."""
        return torch.maximum(self.least + (1 - self.least) * self.rates.sigmoid(), 1 / self.sizes)

    def compute_excess(self) -> Tensor:
        """By which share of what may be kept the layers keep more, float []; 0 where they keep no more."""
        kept = (self.compute_shares() * self.sizes).sum()
        return (kept / (self.allowed * self.sizes.sum()) - 1).clamp(min=0)

    def get_learned(self) -> dict[str, Tensor]:
        """Layer -> the share that it keeps, by the share of its units that rank as high as each; float [filters], or of
        the shape of its weight.

        Above 1 is what the layer keeps; among all layers the highest scale their shares alike, to the exact ratio.
        """
        shares = self.compute_shares().detach()
        return {
            name: share / _rank(score.detach().abs())
            for name, share, score in zip(self.names, shares, self.scores, strict=True)
        }

    def select_units(self) -> Marks:
        """Each layer by its own share."""
        return {name: score < 1 - ROUNDING for name, score in self.get_learned().items()}

    def soften(self, name: str, score: Tensor) -> Tensor:
        """Its size minus the quantile of its layer, float [filters], or of the shape of the weight."""
        size = score.abs()
        return size - _find_quantile(size.detach().flatten(), 1 - self.compute_shares()[self.names.index(name)])


ROUNDING = 1e-6
"""Of a rank in single precision."""


def _rank(sizes: Tensor) -> Tensor:
    """The share of units that are as large or larger, in (0, 1]; ties go by place. Of the shape of the sizes."""
    order = sizes.flatten().argsort(descending=True, stable=True)
    places = torch.arange(1, len(order) + 1, device=sizes.device, dtype=sizes.dtype)
    return torch.empty_like(places).scatter(0, order, places).view(sizes.shape) / len(order)


def _find_quantile(values: Tensor, share: Tensor) -> Tensor:
    """Between two neighbours in a straight line, as `torch.quantile`, of any number of values [N]; float []."""
    ascending, last = values.sort().values, len(values) - 1
    place = share * last
    below = place.detach().floor().clamp(0, max(last - 1, 0)).long()
    low, high = ascending.index_select(0, torch.stack([below, (below + 1).clamp(max=last)]))  # no wait for the device
    return torch.lerp(low, high, place - below)


def press_shares(objective: Objective, scored: RatedModel, pressure: float) -> ExampleObjective:
    """The objective and, more and more, what the layers keep too much.

    :param pressure: weight of the excess at the end of training.
    """
    steps = split_objective(objective)

    def compute_loss(model: nn.Module, batch: Batch, draw: torch.Generator) -> StepOutcome:
        found = steps.compute_loss(model, batch, draw)
        return replace(found, loss=found.loss + batch.progress * pressure * scored.compute_excess())

    return ExampleObjective(steps.craft, compute_loss)
