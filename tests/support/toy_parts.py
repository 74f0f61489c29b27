"""Parts of training that are not advsweep's own: what somebody who extends it would write."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any, Literal

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from tasks.data.images import Images
from tasks.data.registry import SOURCES
from tasks.data.settings import DatasetSettings
from tasks.data.source import Inspection
from tasks.models.registry import ARCHITECTURES, Architecture
from tasks.pruning.registry import IMPORTANCES
from tasks.registry import Registry
from tasks.settings import Number, Settings, keyed
from tasks.training.objectives.base import ObjectiveSettings
from tasks.training.objectives.registry import OBJECTIVES
from tasks.training.objectives.step import Batch, Objective, ObjectiveContext, StepOutcome
from tasks.training.surrogate import SurrogateSettings

CLASSES = ("left", "right")


class Halves:
    """Grey images of 8x8 pixels; one half is brighter."""

    def inspect(self, settings: DatasetSettings, folder: Path | None) -> Inspection:  # noqa: ARG002
        return Inspection("5" * 64, CLASSES, train_images=96, test_images=40, channels=1)

    def load(self, settings: DatasetSettings, folder: Path | None) -> tuple[Images, Images]:  # noqa: ARG002
        draw = torch.Generator().manual_seed(0)

        def make(count: int) -> Images:
            pixels = torch.randint(60, 120, (count, 1, 8, 8), generator=draw)
            labels = torch.arange(count) % 2
            for place, label in enumerate(labels.tolist()):
                pixels[place, :, :, 4 * label : 4 * label + 4] += 60
            return Images(pixels.byte(), labels, CLASSES)

        return make(96), make(40)

    def download(self, *_: object) -> None:
        """Nothing to do: the images are computed."""

    def decode(self, *_: object) -> None:
        """Nothing to do."""


def build_tiny(channels: int, classes: int, stem: str) -> nn.Module:  # noqa: ARG001
    """One convolution of ten filters."""
    return nn.Sequential(
        nn.Conv2d(channels, 10, 3, padding=1), nn.ReLU(), nn.AvgPool2d(4), nn.Flatten(), nn.Linear(40, classes)
    )


def score_by_place(weight: Tensor, draw: torch.Generator) -> Tensor:  # noqa: ARG001
    """The first filters matter most."""
    return -torch.arange(len(weight), dtype=torch.float32)


class AgreeingSettings(ObjectiveSettings):
    """Cross-entropy with smooth labels, and agreement with a teacher where there is one."""

    build = f"{__name__}:build_agreeing"
    name: Literal["agreeing"] = keyed("agreeing")
    smoothing: Number = keyed(0.1, ge=0, lt=1)
    teacher: SurrogateSettings | None = keyed(None)

    @property
    def required_models(self) -> tuple[Settings, ...]:
        return (self.teacher,) if self.teacher else ()


def build_agreeing(settings: AgreeingSettings, context: ObjectiveContext) -> Objective:
    teachers = [teacher.eval() for teacher in context.surrogates]

    def compute_loss(model: nn.Module, batch: Batch, draw: torch.Generator) -> StepOutcome:  # noqa: ARG001
        logits = model(batch.pixels)
        loss = F.cross_entropy(logits, batch.labels, label_smoothing=settings.smoothing)
        for teacher in teachers:
            loss = loss + F.mse_loss(logits, teacher(batch.pixels).detach())
        return StepOutcome(loss, logits.detach().argmax(1).eq(batch.labels).float().mean())

    return compute_loss


PARTS: tuple[tuple[Registry[Any], str, Any], ...] = (
    (SOURCES, "halves", Halves()),
    (ARCHITECTURES, "tiny", Architecture(build_tiny, has_one_stem=True)),
    (IMPORTANCES, "place", score_by_place),
    (OBJECTIVES, "agreeing", AgreeingSettings),
)


@contextmanager
def toy_parts() -> Iterator[None]:
    """While this lasts, a search space may name the parts."""
    with ExitStack() as stack:
        for registry, name, part in PARTS:
            registry.add(name, part)
            remove: Callable[[str], None] = registry.remove
            stack.callback(remove, name)
        yield
