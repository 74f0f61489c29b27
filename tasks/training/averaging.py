"""The average of a model's weights while it is trained: what is validated and published in the place of the last."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager

import torch
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm

from tasks.data.images import Images, convert_to_float
from tasks.training.averages import Averaging, EmaSettings, SwaSettings

STATISTICS_BATCH = 512


class WeightAverage:
    """The running average of the weights and buffers of a model."""

    def __init__(self, model: nn.Module, settings: Averaging) -> None:
        """:param model: in training; its weights are those that an average starts from."""
        self.settings = settings
        self.count = 0
        """How many states of the model are averaged."""
        self.tensors = _copy_state(model)
        """Name -> averaged parameter or buffer, as in the model's state."""

    def note_step(self, model: nn.Module) -> None:
        """Take in the weights after a step of the optimizer."""
        if isinstance(self.settings, EmaSettings):
            decay = min(self.settings.decay, (1 + self.count) / (10 + self.count))
            self._move_towards(model.state_dict(), 1 - decay)

    def note_epoch(self, model: nn.Module, images: Images, epoch: int, epochs: int) -> None:
        """Take in the weights at the end of an epoch, counted from 0.

        :param images: from which the statistics of batch norm are taken.
        """
        if isinstance(self.settings, SwaSettings) and epoch >= self.settings.start * epochs:
            self._move_towards(model.state_dict(), 1 / (self.count + 1))
            with self.shown_in(model):
                _estimate_statistics(model, images)
                self.tensors = _copy_state(model)

    @torch.no_grad()
    def _move_towards(self, state: Mapping[str, Tensor], share: float) -> None:
        self.count += 1
        for name, value in state.items():
            if value.is_floating_point():
                self.tensors[name].lerp_(value, share)
            else:
                self.tensors[name].copy_(value)

    @contextmanager
    def shown_in(self, model: nn.Module) -> Iterator[None]:
        """While this lasts, the model has the averaged weights, once there are some."""
        own = _copy_state(model)
        self.write_to(model)
        try:
            yield
        finally:
            model.load_state_dict(own)

    def write_to(self, model: nn.Module) -> None:
        """Give the model the averaged weights, once there are some."""
        if self.count:
            model.load_state_dict(self.tensors)


def _copy_state(model: nn.Module) -> dict[str, Tensor]:
    return {name: value.detach().clone() for name, value in model.state_dict().items()}


@torch.no_grad()
def _estimate_statistics(model: nn.Module, images: Images) -> None:
    """Means and variances of batch norm over all images; each batch counts the same."""
    norms = [module for module in model.eval().modules() if isinstance(module, _BatchNorm)]
    momenta = [norm.momentum for norm in norms]
    hooks = [norm.train().register_forward_pre_hook(_BatchCount()) for norm in norms]
    for norm in norms:
        norm.reset_running_stats()
    for pixels in images.split(STATISTICS_BATCH):
        if norms and len(pixels) > 1:
            model(convert_to_float(pixels))
    for norm, momentum, hook in zip(norms, momenta, hooks, strict=True):
        hook.remove()
        norm.momentum = momentum


class _BatchCount:
    """Lets a batch norm take the plain mean of all batches; without a momentum it would ask the device how many."""

    def __init__(self) -> None:
        self._seen = 0

    def __call__(self, norm: nn.Module, inputs: object) -> None:  # noqa: ARG002
        self._seen += 1
        norm.momentum = 1 / self._seen  # type: ignore[assignment]
