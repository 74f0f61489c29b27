"""A ratio that grows while weights are trained (Zhu and Gupta 2017, arXiv 1710.01878)."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import torch
from torch import Tensor

from tasks.models.build import NormalizedModel
from tasks.pruning.filters import Mask, Pruned, clear_filters, clear_weights, list_positions
from tasks.pruning.layers import find_layers
from tasks.pruning.selection import Marks
from tasks.training.sparsity.settings import TrainedPruneSettings

Choose = Callable[[TrainedPruneSettings, Mapping[str, Tensor]], Marks]
"""(settings with the ratio of now; layer -> what is pruned already) -> all that is to be pruned."""


def count_updates(settings: TrainedPruneSettings, step: int, steps: int) -> int:
    """How often the ratio has been raised after so many of all steps of training."""
    ramp = max(1, round(settings.ramp * steps))
    return min(settings.updates, settings.updates * step // ramp)


def compute_ratio(settings: TrainedPruneSettings, updates: int) -> float:
    """What is pruned after so many updates: ratio (1 - (1 - t)^3), with the share t of all of them."""
    return settings.ratio * (1 - (1 - updates / settings.updates) ** 3)


class GradualPruning:
    """Prunes a model more and more, and holds what is pruned.

    What is pruned is what is zero: so it goes on from a checkpoint of the model as if it had not been broken off.
    """

    def __init__(
        self, model: NormalizedModel, settings: TrainedPruneSettings, steps: int, choose: Choose, before: Mask
    ) -> None:
        """:param model: as it is before the first step, or in a checkpoint.
        :param steps: of the whole training.
        :param before: what earlier stages have pruned.
        """
        self._model, self._settings, self._steps, self._choose = model, settings, steps, choose
        self._before = before
        self._mask: Mask | None = None

    def hold(self, step: int) -> None:
        """Prune more where it is time, and set to zero what is pruned, after so many steps.

        It is called before the first of them, too, and before the first after a checkpoint.
        """
        if self._mask is None:
            self._mask = self._build_mask()
        self.clear(dict(self._model.named_parameters()))
        done = count_updates(self._settings, step, self._steps)
        if self._settings.ratio and done > max(0, count_updates(self._settings, step - 1, self._steps)):
            now = self._settings.model_copy(update={"ratio": compute_ratio(self._settings, done)})
            marks = self._choose(now, self.mark_zeros())
            if self._settings.unit == "weights":
                clear_weights(self._model, marks)
            else:
                clear_filters(self._model, list_positions(marks))
            self._mask = self._build_mask()
            self.clear(dict(self._model.named_parameters()))

    def clear(self, tensors: Mapping[str, Tensor]) -> None:
        """Set to zero what is pruned, in the model's parameters or in tensors of the same names and shapes, such as
        float [filters, channels, 3, 3]."""
        self._before.clear(tensors)
        if self._mask is not None:
            self._mask.clear(tensors)

    def mark_zeros(self) -> Marks:
        """Layer -> bool, of the shape of its scores: what is pruned so far."""
        layers = find_layers(self._model.network, self._settings.scope, self._settings.unit)
        zeros = {name: layer.get_parameter("weight").detach() == 0 for name, layer in layers.items()}
        if self._settings.unit == "weights":
            return zeros
        return {name: zero.flatten(1).all(1) for name, zero in zeros.items()}

    def list_filters(self) -> Pruned:
        """Convolution -> filters that are pruned so far; nothing where single weights are."""
        return list_positions(self.mark_zeros()) if self._settings.unit == "filters" else {}

    def _build_mask(self) -> Mask:
        """Of everything that is zero now. `once` holds the weights of filters, and leaves batch norm as it is."""
        settings = self._settings
        layers = find_layers(self._model.network, settings.scope, settings.unit)
        if settings.unit == "filters" and settings.mode == "mask":
            return Mask.of(self._model, self.list_filters())
        if settings.unit == "weights":
            return Mask.of(self._model, {}, list(layers))
        filters = {name: torch.tensor(places) for name, places in self.list_filters().items()}
        parameters = dict(self._model.named_parameters())
        rows = tuple((f"network.{name}.weight", index.to(self._model.mean.device)) for name, index in filters.items())
        return Mask(parameters, rows)
