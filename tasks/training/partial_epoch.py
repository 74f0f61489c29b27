"""An epoch in progress: what a checkpoint in its middle has to keep beside the model."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor


@dataclass
class PartialEpoch:
    """How far an epoch is, and what has been summed up on the way."""

    beginning: Tensor
    """The state of the random numbers from which the order of the epoch was drawn."""
    totals: Tensor
    """float [2]: loss and accuracy, summed over the images."""
    steps: int = 0
    """Batches that are done."""
    reached: Tensor | None = None
    """float []: the largest perturbation of a training attack so far."""
    seconds: float = 0.0
    """What was spent before a checkpoint from which the epoch went on."""

    @classmethod
    def begin(cls, draw: torch.Generator, device: torch.device) -> PartialEpoch:
        """Before the order is drawn."""
        return cls(draw.get_state(), torch.zeros(2, device=device))

    def draw_order(self, count: int, draw: torch.Generator) -> Tensor:
        """The order of the images, int64 [count]; the numbers are taken from `draw` where the epoch begins with it."""
        if self.steps:
            draw = torch.Generator()
            draw.set_state(self.beginning)
        return torch.randperm(count, generator=draw)

    def note_step(self, loss: Tensor, accuracy: Tensor, reached: Tensor | None, images: int) -> None:
        """Sum up a step on so many images: its loss, accuracy and largest perturbation, float [] each."""
        self.totals += torch.stack([loss.detach().float(), accuracy]) * images
        if reached is not None:
            self.reached = reached if self.reached is None else torch.maximum(self.reached, reached)

    def finish(self, images: int) -> tuple[float, float, float | None]:
        """Mean loss and accuracy, and the largest perturbation: the one time that the host waits for the device."""
        figures = [*(self.totals / images), *([] if self.reached is None else [self.reached])]
        loss, accuracy, *largest = torch.stack(figures).tolist()
        return loss, accuracy, next(iter(largest), None)

    def list_tensors(self) -> dict[str, Tensor]:
        """What a checkpoint keeps of it by name, bytes [N] and float [2] and [], beside its steps and seconds."""
        found = {"beginning": self.beginning, "totals": self.totals}
        return found if self.reached is None else {**found, "reached": self.reached}

    @classmethod
    def restore(cls, tensors: Mapping[str, Tensor], numbers: Mapping[str, Any], device: torch.device) -> PartialEpoch:
        """What a checkpoint has kept: tensors by name, bytes [N] and float [2] and [].

        :raises KeyError, ValueError: it has not kept this.
        """
        steps, seconds = int(numbers["steps"]), float(numbers["seconds"])
        reached = tensors.get("reached")
        totals = tensors["totals"].to(device)
        return cls(tensors["beginning"], totals, steps, reached if reached is None else reached.to(device), seconds)
