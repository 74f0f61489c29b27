"""The stages that make a model: train, prune, fine-tune, adversarial fine-tune."""

from __future__ import annotations

import time
from dataclasses import replace
from pathlib import Path
from typing import Any, cast

import pyarrow as pa
import torch

from tasks.data.images import Images, Splits
from tasks.errors import MisplacedError, StageError
from tasks.models.build import NormalizedModel
from tasks.paths import HISTORY
from tasks.pruning.filters import Mask
from tasks.schema import HISTORY as HISTORY_SCHEMA
from tasks.seeds import derive_seed, make_generator
from tasks.stages.context import Context, StageOutcome, load_initial_model, save_model, save_table
from tasks.training.averaging import WeightAverage
from tasks.training.checkpoint import TrainingProgress
from tasks.training.guards import summarize_training
from tasks.training.loop import fit
from tasks.training.objectives.awp.objective import perturb_weights
from tasks.training.objectives.step import Objective, ObjectiveContext, build_objective
from tasks.training.optimizers import build_optimizer
from tasks.training.settings import TrainSettings
from tasks.trial.chain import Stage


def run_train(stage: Stage, context: Context, draft: Path) -> StageOutcome:
    """Train, fine-tune or adversarially fine-tune; continue from the last checkpoint, if there is one."""
    settings = cast(TrainSettings, stage.settings)
    description, model = load_initial_model(stage, context)
    mask = Mask.of(model, description.pruned)
    data, objective = _build_objective(stage, context, model)
    torch.manual_seed(derive_seed(stage.seed, stage.kind, "torch"))
    draw = make_generator(stage.seed, stage.kind, "draw")
    progress = TrainingProgress(model, build_optimizer(model.parameters(), settings.optimizer), draw, [])
    averaging = settings.chosen_objective.weight_averaging
    progress.average = WeightAverage(model, averaging) if averaging else None
    resumed = _resume(progress, stage, context)

    saved_at, pauses = time.monotonic(), settings.can_pause

    def save() -> None:
        nonlocal saved_at
        progress.save(context.store.storage, context.store.name_checkpoint(stage.key))
        saved_at = time.monotonic()

    def after_step() -> None:
        mask.apply()
        if progress.average:
            progress.average.note_step(model)
        if pauses and time.monotonic() - saved_at >= settings.checkpoint_every:
            save()

    def after_epoch() -> None:
        save()
        if context.on_epoch:
            context.on_epoch(stage, progress.history[-1])

    seed = derive_seed(stage.seed, stage.kind, "validation")
    augment = stage.dataset.augment
    fit(progress, data, settings, objective, augment, seed=seed, after_step=after_step, after_epoch=after_epoch)
    if progress.best is not None:
        model.load_state_dict(progress.best)
    elif progress.average:
        progress.average.write_to(model)
    save_model(draft, model, description)
    save_table(draft, HISTORY, _build_history(stage, progress.history))
    return {
        "model": description.to_json(),
        "metrics": summarize_training(progress.history, settings.keep),
        "resumed_from": resumed,
        "training_seconds": sum(entry["seconds"] for entry in progress.history),
    }


def _build_objective(stage: Stage, context: Context, model: NormalizedModel) -> tuple[Splits, Objective]:
    """The images of a stage that trains, and what it minimises on them; `model` is what it starts from."""
    settings, data = cast(TrainSettings, stage.settings), context.load_data(stage, "train", "validation")
    problem = settings.find_validation_problem(stage.dataset.split.validation)
    if problem:
        raise StageError(f"{stage.kind}.{problem}")
    objective = settings.chosen_objective
    if objective.image_limit:
        data = replace(data, train=_choose_images(data.train, objective.image_limit, stage))
    roles = [f"surrogate_{number}" for number in range(len(settings.surrogates))]
    surrogates = [context.load_upstream_model(stage, role)[1] for role in roles]
    built = build_objective(objective, ObjectiveContext(model, data.train, surrogates, stage.seed))
    return data, perturb_weights(built, objective.awp) if objective.awp else built


def _choose_images(images: Images, count: int, stage: Stage) -> Images:
    """So many of the training images, by the seed of the trial.

    :raises StageError: there are fewer.
    """
    if count > len(images):
        raise StageError(f"{stage.kind}.fixed_examples = {count}: there are only {len(images)} training images")
    order = torch.randperm(len(images), generator=make_generator(stage.seed, "fixed examples"))
    return images.select(order[:count].to(images.device))


def _resume(progress: TrainingProgress, stage: Stage, context: Context) -> int:
    """Restore the checkpoint, if one stands and is whole; how many epochs it saves."""
    storage, name = context.store.storage, context.store.name_checkpoint(stage.key)
    try:
        progress.restore(storage.read(name, progress.most_bytes))
    except FileNotFoundError:
        return 0
    except (ValueError, MisplacedError):
        storage.remove(name)  # cut short by a full disk, say: the stage starts anew
        return 0
    return progress.epoch


def _build_history(stage: Stage, history: list[dict[str, Any]]) -> pa.Table:
    rows = [{"stage_key": stage.key, "stage": stage.kind, **entry} for entry in history]
    return pa.Table.from_pylist(rows, schema=HISTORY_SCHEMA)
