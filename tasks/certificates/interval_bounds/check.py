"""Whether interval bounds can be sent through a network at all."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from tasks.certificates.interval_bounds.propagate import bound_margins, make_box, trace_network
from tasks.settings import Settings


def check_layers(settings: Settings, model: nn.Module, images: Tensor) -> None:  # noqa: ARG001
    """Bounds of some images, computed as certification does it, or training where the model is in training mode.

    :param images: float [N, C, H, W], on the device of the model, which may be torch's meta.
    :raises StageError: the network cannot be traced, or has a layer or a function that is not known.
    """
    labels = torch.zeros(len(images), dtype=torch.int64, device=images.device)
    with torch.no_grad():
        bound_margins(trace_network(model), make_box(images, 0.0), labels)
