"""A generator that breaks one of its promises is told which."""

from __future__ import annotations

from typing import Literal

import pytest
import torch
from torch import Tensor, nn

from tasks.contracts.check_part import check_part
from tasks.generators.base import GeneratorSettings
from tasks.generators.job import Generator, GeneratorJob
from tasks.generators.registry import GENERATORS
from tasks.settings import Count, keyed


class Strange(Generator):
    """Adds to every pixel what one convolution says, and is right but for what `how` says."""

    def __init__(self, settings: StrangeSettings, image_shape: tuple[int, ...], classes: int) -> None:  # noqa: ARG002
        super().__init__()
        self.how, self.epochs = settings.how, settings.epochs
        self.layer = nn.Conv2d(image_shape[0], image_shape[0], 3, padding=1)

    def forward(self, pixels: Tensor) -> Tensor:
        found: Tensor = self.layer(pixels)
        found = found if self.how == "too far" else found.tanh()
        if self.how == "too far":
            return found + 2
        if self.how == "batch":
            return found - found.mean()
        return found[:, :, 1:] if self.how == "shape" else found

    def fit(self, job: GeneratorJob) -> None:
        assert job.target is not None
        optimizer = torch.optim.Adam(self.parameters(), 0.01)
        kept = {"network": self, "optimizer": optimizer}
        first = job.resume(**({"network": self} if self.how == "forgets" else kept)) if self.how != "anew" else 0
        for epoch in range(0 if self.how == "does not ask" else first, self.epochs):
            for pixels, labels in job.read_epoch(epoch, 4):
                noise = torch.rand_like(pixels) if self.how == "random" else 0.0
                logits = job.target(pixels + 0.1 * self(pixels) + noise)
                optimizer.zero_grad()
                logits.gather(1, labels[:, None]).mean().backward()
                if self.how != "idle":
                    optimizer.step()
            if self.how == "model":
                next(job.target.parameters()).data += 1
            if self.how != "silent":
                job.note_epoch({"epoch": epoch})


class StrangeSettings(GeneratorSettings):
    build = Strange
    needs_target = True
    name: Literal["strange"] = keyed("strange")
    epochs: Count = keyed(1, ge=1)
    how: str = keyed("")


PROBLEMS = {
    "shape": "the answer has the shape",
    "too far": "perturbations are in units of the budget",
    "batch": "with the images beside them",
    "random": "other weights come each time",
    "idle": "training leaves its weights as they were",
    "silent": "0 epochs were noted, not 1",
    "model": "it changes the model",
    "forgets": "after a checkpoint other weights come",
    "does not ask": "2 epochs were trained after a checkpoint of one of two",
}


@pytest.mark.parametrize("how", ["", "anew", *PROBLEMS])
def test_a_broken_generator_is_caught(how: str) -> None:
    GENERATORS.add("strange", StrangeSettings)
    try:
        found = check_part("generator", "strange", {"how": how}, None)
    finally:
        GENERATORS.remove("strange")
    problems = [each.problem for each in found if each.problem]
    assert any(PROBLEMS[how] in each for each in problems) if how in PROBLEMS else not problems, problems
