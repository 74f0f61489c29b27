"""The stages that make a model: train, prune, fine-tune, adversarial fine-tune."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, cast

import pyarrow as pa
import torch
from torch import nn

from tasks.data.images import Images, Splits
from tasks.errors import MisplacedError, StageError
from tasks.models.build import NormalizedModel
from tasks.paths import HISTORY
from tasks.pruning.filters import Mask
from tasks.schema import HISTORY as HISTORY_SCHEMA
from tasks.seeds import derive_seed, make_generator
from tasks.stages.condition import prepare_conditional_model
from tasks.stages.context import Context, StageOutcome, load_initial_model, save_model, save_table
from tasks.storage.write_behind import WriteBehind
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
    conditioning = settings.chosen_objective.conditioning
    if conditioning:
        description = prepare_conditional_model(stage, description, model, conditioning)
    mask = Mask.of(model, description.pruned, description.sparse)
    data, objective = build_stage_objective(stage, settings, context, model)
    outcome = train_model(stage, settings, context, model, data, objective, lambda progress: mask.apply())  # noqa: ARG005
    save_model(draft, model, description)
    return {"model": description.to_json(), **save_training(draft, stage, settings, outcome)}


@dataclass(frozen=True)
class Trained:
    """What came of a training."""

    history: list[dict[str, Any]]
    """One entry for each epoch."""
    resumed_from: int
    """How many epochs a checkpoint has saved."""


def train_model(
    stage: Stage,
    settings: TrainSettings,
    context: Context,
    model: nn.Module,
    data: Splits,
    objective: Objective,
    hold: Callable[[TrainingProgress], None],
) -> Trained:
    """Train the parameters of a model that have a gradient; the weights that are to be published are in it afterwards.

    :param hold: keeps at zero what is pruned, before the first step and after each, and in the average of the weights.
    """
    torch.manual_seed(derive_seed(stage.seed, stage.kind, "torch"))
    draw = make_generator(stage.seed, stage.kind, "draw")
    parameters = [parameter for parameter in model.parameters() if parameter.requires_grad]
    progress = TrainingProgress(model, build_optimizer(parameters, settings.optimizer), draw, [])
    averaging = settings.chosen_objective.weight_averaging
    progress.average = WeightAverage(model, averaging) if averaging else None
    resumed = _resume(progress, stage, context)
    hold(progress)

    saved_at, pauses = time.monotonic(), settings.can_pause

    def save() -> None:
        nonlocal saved_at
        progress.save(behind, context.store.name_checkpoint(stage.key))
        saved_at = time.monotonic()

    def after_step() -> None:
        hold(progress)
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
    with WriteBehind(context.store.storage) as behind:
        fit(progress, data, settings, objective, augment, seed=seed, after_step=after_step, after_epoch=after_epoch)
    if progress.best is not None:
        model.load_state_dict(progress.best)
    elif progress.average:
        progress.average.write_to(model)
    return Trained(progress.history, resumed)


def save_training(draft: Path, stage: Stage, settings: TrainSettings, outcome: Trained) -> StageOutcome:
    """Write the history of a training, and give what its record says of it."""
    save_table(draft, HISTORY, _build_history(stage, outcome.history))
    return {
        "metrics": summarize_training(outcome.history, settings.keep),
        "resumed_from": outcome.resumed_from,
        "training_seconds": sum(entry["seconds"] for entry in outcome.history),
    }


def build_stage_objective(
    stage: Stage, settings: TrainSettings, context: Context, model: nn.Module
) -> tuple[Splits, Objective]:
    """The images of a stage that trains, and what it minimises on them; `model` is what it starts from."""
    data = context.load_data(stage, "train", "validation")
    problem = settings.find_validation_problem(stage.dataset.split.validation, stage.kind)
    if problem:
        raise StageError(str(problem))
    objective = settings.chosen_objective
    if objective.image_limit:
        data = replace(data, train=_choose_images(data.train, objective.image_limit, stage))
    surrogates = load_surrogates(stage, context, len(settings.surrogates))
    built = build_objective(objective, ObjectiveContext(model, data.train, surrogates, stage.seed))
    return data, perturb_weights(built, objective.awp) if objective.awp else built


def load_surrogates(stage: Stage, context: Context, count: int) -> list[NormalizedModel]:
    """The other models that a stage builds on, in their order."""
    return [context.load_upstream_model(stage, f"surrogate_{number}")[1] for number in range(count)]


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
