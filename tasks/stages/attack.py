"""The stage that attacks: several cells of a grid from one run."""

from __future__ import annotations

import statistics
import time
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any, cast

import pyarrow as pa
import pyarrow.compute as pc
import torch
from torch import Tensor, nn

from tasks.attacks.base import UNRESTRICTED
from tasks.attacks.engine.fast_model import freeze_copy
from tasks.data.images import Images, convert_to_float
from tasks.errors import StageError
from tasks.evaluation.defence import defend
from tasks.evaluation.evaluate import Helpers, evaluate, prepare_attacked
from tasks.evaluation.evaluation import Evaluation
from tasks.evaluation.health import check_health
from tasks.evaluation.settings import AttackSettings, DefendedAttackSettings
from tasks.models.build import NormalizedModel
from tasks.models.size import measure_model
from tasks.paths import EXAMPLES, PREVIEW
from tasks.schema import EXAMPLES as EXAMPLES_SCHEMA
from tasks.stages.context import Context, save_file, save_table
from tasks.stages.generator import load_generator
from tasks.trial.chain import Stage

TIMED_BATCH = 64


def run_attack(stages: Sequence[Stage], context: Context) -> list[tuple[Evaluation, dict[str, Any]]]:
    """Evaluate stages that one run serves; results in their order.

    :raises StageError: the model's weights are NaN, or the audit of the evaluator found a violation.
    """
    first = stages[0]
    description, model = context.load_upstream_model(first)
    check_weights(model)
    images = context.load_data(first, "test").test
    cells = [cast(AttackSettings, stage.settings) for stage in stages]
    surrogate = context.load_upstream_model(first, "surrogate_0")[1] if cells[0].surrogate else None
    cost = measure_model(model, images.image_shape)
    spaces = {cell.eps_space for cell in cells}
    unit = description.get_pixels_per_unit("normalized" if "normalized" in spaces else "pixel")
    attacked = prepare_attacked(surrogate or model, images, cells[0])
    judged: nn.Module = model
    if isinstance(cells[0], DefendedAttackSettings):
        judged, attacked = defend(model, attacked, cells[0], first.seed, partial(_load_training_images, context, first))
    helpers = _load_helpers(first, images, context)
    found = evaluate(judged, images, cells, first.seed, unit, surrogate, attacked, helpers)
    looked_at = freeze_copy(judged) if surrogate else attacked.gradient
    scale = unit if cells[0].eps_space == "normalized" else 1.0
    health = check_health(freeze_copy(judged), looked_at, images, found, cells, first.seed, scale)
    cost |= {"classes": description.classes, "prepared": attacked.is_prepared}
    measured = {"inference_seconds": measure_inference(freeze_copy(judged), images)}
    outcomes = []
    for stage, result, noticed in zip(stages, found, health, strict=True):
        reached = {"eps_reached": _measure_reached(result, stage, unit)}
        outcomes.append((result, {"metrics": {**result.count_correct(), **cost, **noticed, **measured, **reached}}))
    return outcomes


def _load_helpers(stage: Stage, images: Images, context: Context) -> Helpers:
    cell = cast(AttackSettings, stage.settings)
    asked = cell.method.required_generator
    generator = load_generator(stage, asked, images, context) if asked is not None else None
    if cell.witness is None:
        return Helpers(generator)
    return Helpers(generator, context.load_upstream_model(stage, f"surrogate_{len(cell.surrogates) - 1}")[1])


def _load_training_images(context: Context, stage: Stage) -> Tensor:
    return convert_to_float(context.load_data(stage, "train").train.pixels)


def _measure_reached(result: Evaluation, stage: Stage, std: float) -> float | None:
    """The largest perturbation, in the norm and the unit of the budget; null of an unrestricted attack.

    :param std: pixels per unit of a budget in normalised units.
    """
    cell = cast(AttackSettings, stage.settings)
    if cell.method.norm == UNRESTRICTED:
        return None
    largest = pc.max(result.table[cell.method.norm]).as_py()
    return float(largest or 0) / (std if cell.eps_space == "normalized" else 1.0)


def save_examples(draft: Path, stage: Stage, result: Evaluation) -> None:
    """Write one row per image, and a few of the images."""
    keys = pa.array([stage.key] * len(result.table), pa.string())
    save_table(draft, EXAMPLES, result.table.add_column(0, EXAMPLES_SCHEMA.field("stage_key"), keys))
    if result.preview is not None:
        save_file(draft, PREVIEW, result.preview.to_bytes())


def check_weights(model: NormalizedModel) -> None:
    """:raises StageError: a weight is NaN or infinite; the message names the tensor."""
    named = {name: value for name, value in model.state_dict().items() if value.is_floating_point()}
    finite = torch.stack([torch.isfinite(value).all() for value in named.values()]).tolist()
    for name, fine in zip(named, finite, strict=True):
        if not fine:
            raise StageError(f"the model's weights are NaN or infinite: {name}")


def measure_inference(model: nn.Module, images: Images, repeats: int = 5) -> float:
    """Seconds that one image takes in a batch of 64, the median of a few passes.

    :param model: frozen.
    """
    pixels = convert_to_float(images.read(slice(TIMED_BATCH)))
    times = []
    for _ in range(repeats + 1):
        started = time.perf_counter()
        with torch.no_grad():
            model(pixels).cpu()  # waits for the device
        times.append(time.perf_counter() - started)
    return statistics.median(times[1:]) / len(pixels)
