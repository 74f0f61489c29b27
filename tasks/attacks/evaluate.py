"""The evaluator: it, not the attack, audits the perturbations and decides who is fooled.

The judge is the trial's own model in fp32, unfolded and unprepared. A violation of the ball, of the pixel range or a
NaN fails the stage: no number is better than a wrong one.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pyarrow as pa
import torch
from torch import Tensor, nn

from tasks.attacks.crafting import Crafted, Job, crafter
from tasks.attacks.norms import NORMS, sizes
from tasks.attacks.prepare import frozen, prepare
from tasks.attacks.settings import AttackSettings
from tasks.data.images import Images, as_float
from tasks.errors import StageError
from tasks.schema import EXAMPLES
from tasks.seeds import generator

TOLERANCE = 1e-5
"""Rounding allowed in the audit of the budget, relative to it; and 1e-6 absolute."""


@dataclass(frozen=True)
class Predictions:
    """What the model says of a batch."""

    classes: Tensor
    """int64 [N]."""
    confidence: Tensor
    """float [N]: softmax of the predicted class."""


@dataclass(frozen=True)
class Evaluation:
    """One attack on the test images: a row per image."""

    table: pa.Table
    """`schema.EXAMPLES`, without the stage key."""

    def counts(self) -> dict[str, int]:
        """Examples, and how many are classified correctly before and after."""
        label = self.table["label"].to_numpy()
        clean = self.table["clean_prediction"].to_numpy() == label
        robust = self.table["robust"].to_numpy()
        return {"examples": len(label), "clean_correct": int(clean.sum()), "robust_correct": int(robust.sum())}


def predict(model: nn.Module, pixels: Tensor) -> Predictions:
    """Classes and confidences of float images in [0, 1].

    :raises StageError: the model answers NaN or infinity.
    """
    with torch.no_grad():
        logits = model(pixels)
    if not torch.isfinite(logits).all():
        raise StageError("the model's logits are NaN or infinite: its weights cannot be trusted")
    confidence, classes = logits.softmax(1).max(1)
    return Predictions(classes, confidence)


def evaluate(
    model: nn.Module, images: Images, cells: dict[int, AttackSettings], seed: int, std: float
) -> dict[int, Evaluation]:
    """Attack the test images once; judge the state after each number of steps.

    :param cells: number of steps -> settings, which differ in nothing else.
    :param std: the model's normalisation, for a budget in normalised units.
    :raises StageError: the audit found a violation, or the split is smaller than `examples`.
    """
    settings = next(iter(cells.values()))
    judge = frozen(model)
    target = prepare(model, settings.precision)
    chosen = choose(judge, images, settings, seed)
    scale = std if settings.eps_space == "normalized" else 1.0
    parts: dict[int, list[pa.Table]] = {count: [] for count in cells}
    for index in chosen.split(settings.batch_size):
        clean, labels = as_float(images.pixels[index]), images.labels[index]
        job = Job(target, clean, labels, tuple(sorted(cells)), index, seed, settings.stop_when_fooled, scale)
        before = predict(judge, clean)
        for count, adversarial in craft(job, settings).items():
            audit(clean, adversarial, settings, scale)
            after = predict(judge, adversarial)
            parts[count].append(_rows(index, labels, before, after, adversarial - clean))
    return {count: Evaluation(pa.concat_tables(tables)) for count, tables in parts.items()}


def craft(job: Job, settings: AttackSettings) -> Crafted:
    """Adversarial images per number of steps; a budget of zero leaves every image as it is.

    A batch that does not fit in memory is halved until it does.
    """
    method = settings.method
    if method.eps == 0:
        return dict.fromkeys(job.counts, job.clean)
    try:
        found: Crafted = crafter(method)(job, method)
        return found
    except torch.OutOfMemoryError:
        if len(job.labels) == 1:
            raise StageError("out of memory: not even one image fits") from None
    halves = [craft(job.subset(part), settings) for part in torch.arange(len(job.labels)).chunk(2)]
    return {count: torch.cat([half[count] for half in halves]) for count in job.counts}


def choose(judge: nn.Module, images: Images, settings: AttackSettings, seed: int) -> Tensor:
    """The places of the test images to attack, ascending: all, or a choice by the seed.

    :raises StageError: the split has fewer images than are asked for.
    """
    order = torch.randperm(len(images), generator=generator(seed, "examples"))
    if settings.only_correct:
        order = order[torch.cat(list(_correct(judge, images, order, settings.batch_size)))]
    wanted = settings.examples or len(order)
    if wanted > len(order):
        which = "correctly classified test images" if settings.only_correct else "test images"
        raise StageError(f"attack.examples = {wanted}: there are only {len(order)} {which}")
    return order[:wanted].sort().values


def _correct(judge: nn.Module, images: Images, order: Tensor, batch_size: int) -> Iterator[Tensor]:
    for index in order.split(batch_size):
        yield predict(judge, as_float(images.pixels[index])).classes.eq(images.labels[index]).cpu()


def audit(clean: Tensor, adversarial: Tensor, settings: AttackSettings, scale: float) -> None:
    """Check that images are finite, in [0, 1] and within the budget.

    :raises StageError: with what is wrong, by how much, and in how many images.
    """
    method = settings.method
    if not torch.isfinite(adversarial).all():
        raise StageError(f"{method.name} returned NaN or infinite pixels")
    if adversarial.min() < 0 or adversarial.max() > 1:
        extremes = f"{float(adversarial.min()):.6g} to {float(adversarial.max()):.6g}"
        raise StageError(f"{method.name} left the pixel range [0, 1]: {extremes}")
    eps = method.eps * scale
    size = NORMS[method.norm].size(adversarial - clean)
    outside = size > eps * (1 + TOLERANCE) + 1e-6
    if outside.any():
        raise StageError(
            f"{method.name} left the {method.norm} ball of {eps:.6g} in {int(outside.sum())} of {len(size)} images: "
            f"the largest perturbation is {float(size.max()):.6g}"
        )


def _rows(index: Tensor, labels: Tensor, before: Predictions, after: Predictions, delta: Tensor) -> pa.Table:
    columns: dict[str, Any] = {
        "index": index,
        "label": labels,
        "clean_prediction": before.classes,
        "clean_confidence": before.confidence,
        "adversarial_prediction": after.classes,
        "adversarial_confidence": after.confidence,
        **sizes(delta),
        "robust": after.classes.eq(labels),
    }
    schema = pa.schema([field for field in EXAMPLES if field.name != "stage_key"])
    return pa.table(
        {name: pa.array(columns[name].cpu().numpy()).cast(schema.field(name).type) for name in schema.names}
    )
