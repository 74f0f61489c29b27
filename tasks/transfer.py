"""Tensors between the host and a device, in as few copies and waits as can be."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping

import torch
from torch import Tensor


def send(values: Tensor, device: torch.device) -> Tensor:
    """A copy on the device; the host goes on before a GPU has it.

    :param values: on the host, of any shape [...]; not to be changed afterwards.
    """
    if device.type == "cuda" and values.device.type == "cpu":
        return values.pin_memory().to(device, non_blocking=True)
    return values.to(device)


def fetch(tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Contiguous copies on the host: one transfer for each type of numbers, however many tensors there are.

    :param tensors: by name, of any shapes [...], which they keep.
    """
    found = {name: value.detach() for name, value in tensors.items()}
    groups: dict[tuple[torch.device, torch.dtype], list[str]] = defaultdict(list)
    for name, value in found.items():
        if value.device.type != "cpu":
            groups[value.device, value.dtype].append(name)
    for names in groups.values():
        whole = torch.cat([found[name].reshape(-1) for name in names]).cpu()
        parts = whole.split([found[name].numel() for name in names])
        found |= {name: part.view(found[name].shape) for name, part in zip(names, parts, strict=True)}
    return {name: value.contiguous() for name, value in found.items()}
