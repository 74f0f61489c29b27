"""Models and attacks that state more robustness than there is, each by another trick, and the grid that meets them."""

from __future__ import annotations

import copy
from collections.abc import Callable, Sequence
from itertools import groupby
from typing import Any, Literal

import torch
from torch import Tensor, nn

from tasks.attacks.engine.fast_model import freeze_copy
from tasks.attacks.engine.job import AttackJob
from tasks.attacks.gradient.settings import IterativeSettings
from tasks.data.images import Images, convert_to_float
from tasks.evaluation.evaluate import evaluate, prepare_attacked
from tasks.evaluation.health import check_health
from tasks.settings import keyed
from tests.support.attack_models import digits, network, settings
from tests.support.rows import row

GRID = [("8/255", 1), ("8/255", 5), ("8/255", 10), ("32/255", 1), ("32/255", 5), ("32/255", 10)]
"""An ordinary grid: two budgets by iterations, nothing that `--verify` adds."""
COUNT = 200
Rows = list[dict[str, Any]]


class _Planted(nn.Module):
    """A trick around a sound network."""

    def __init__(self) -> None:
        super().__init__()
        self.network = copy.deepcopy(network())


class Rounded(_Planted):
    """Pixels are rounded, which has no gradient."""

    def forward(self, pixels: Tensor) -> Tensor:
        logits: Tensor = self.network(torch.round(pixels * 8) / 8)
        return logits


class Dropping(_Planted):
    """Dropout that is left on."""

    def forward(self, pixels: Tensor) -> Tensor:
        logits: Tensor = self.network(nn.functional.dropout(pixels, 0.2, training=True))
        return logits


class SecondLook(_Planted):
    """Every second answer is another class."""

    def __init__(self) -> None:
        super().__init__()
        self.calls = 0

    def forward(self, pixels: Tensor) -> Tensor:
        self.calls += 1
        logits: Tensor = self.network(pixels)
        return logits.roll(self.calls % 2, 1)


class Reversed(_Planted):
    """Its gradient points the other way."""

    def forward(self, pixels: Tensor) -> Tensor:
        logits: Tensor = self.network(2 * pixels.detach() - pixels)
        return logits


class LookUp(_Planted):
    """It knows the test images, and says of an image what the nearest of them is."""

    known: Tensor
    answers: Tensor

    def __init__(self) -> None:
        super().__init__()
        known = digits().test
        self.register_buffer("known", convert_to_float(known.pixels).flatten(1))
        self.register_buffer("answers", nn.functional.one_hot(known.labels, 10).float())

    def forward(self, pixels: Tensor) -> Tensor:
        nearest = torch.cdist(pixels.detach().flatten(1), self.known).argmin(1)
        logits: Tensor = self.network(pixels)
        return logits + 40 * self.answers[nearest]


class Remembering(_Planted):
    """It repeats its answer to an image near to one that it has seen."""

    def __init__(self) -> None:
        super().__init__()
        self.seen: list[tuple[Tensor, Tensor]] = []

    def forward(self, pixels: Tensor) -> Tensor:
        logits: Tensor = self.network(pixels)
        now = logits.detach().clone()
        for images, answers in self.seen:
            distances = torch.cdist(pixels.detach().flatten(1), images, p=torch.inf)
            near = distances.amin(1) < 0.3
            now[near] = answers[distances.argmin(1)][near]
        self.seen.append((pixels.detach().flatten(1).clone(), now.clone()))
        return logits - logits.detach() + now


class Constant(_Planted):
    """The same class of every image."""

    def forward(self, pixels: Tensor) -> Tensor:
        logits: Tensor = self.network(pixels)
        return 0.001 * logits + torch.nn.functional.one_hot(torch.tensor(3), 10)


class Broken(_Planted):
    """Its logits are NaN for bright images, though its weights are finite."""

    def forward(self, pixels: Tensor) -> Tensor:
        logits: Tensor = self.network(pixels)
        return logits * (pixels.mean((1, 2, 3), keepdim=True)[:, :, 0, 0] - 0.3).clamp_min(0).log().isfinite() / 0


class LieSettings(IterativeSettings):
    """A planted attack: `trick` says what it does."""

    shares_steps = False
    craft = f"{__name__}:craft_lie"
    name: Literal["lie"] = keyed("lie")
    norm: Literal["linf"] = keyed("linf")
    trick: Literal["nothing", "weak noise", "beyond the ball", "another image"] = keyed("nothing")


def craft_lie(job: AttackJob, settings: LieSettings) -> Tensor:
    """Images [N, C, H, W] of an attack that is none."""
    if settings.trick == "weak noise":
        draw = torch.Generator().manual_seed(1)
        return (job.clean + 0.2 * settings.eps * torch.randn(job.clean.shape, generator=draw).sign()).clamp(0, 1)
    if settings.trick == "beyond the ball":
        return (job.clean + 2 * settings.eps).clamp(0, 1)
    return job.clean.roll(1, 0) if settings.trick == "another image" else job.clean


def shift_labels(images: Images) -> Images:
    """Labels off by one."""
    return Images(images.pixels, (images.labels + 1) % 10, images.classes)


def meet_grid(
    model: nn.Module,
    change: Callable[[Images], Images] = lambda images: images,
    grid: Sequence[tuple[str, int]] = GRID,
    **attack: Any,
) -> Rows:
    """The rows of a grid against a model, as its stages would leave them."""
    images = change(digits().test)
    model = model.eval()
    asked = [{"name": "ifgsm", "eps": eps, "steps": steps, "examples": COUNT, **attack} for eps, steps in grid]
    rows: Rows = []
    for _, part in groupby(asked, lambda section: settings(**section).shared_text):
        sections = list(part)
        cells = [settings(**section) for section in sections]
        attacked = prepare_attacked(model, images, cells[0])
        found = evaluate(model, images, cells, 0, 0.5, attacked=attacked)
        health = check_health(freeze_copy(model), attacked.gradient, images, found, cells, 0, 1.0)
        for section, result, noticed in zip(sections, found, health, strict=True):
            counts = result.count_correct()
            reached = {"eps_reached": float(max(result.table["linf"].to_pylist()))}
            rows.append(row(section, counts.pop("robust_correct"), **counts, **noticed, **reached))
    return rows
