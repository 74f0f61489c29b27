"""The pruning stage."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import cast

from torch import Tensor, nn

from tasks.data.images import Images
from tasks.errors import StageError
from tasks.models.build import Description, NormalizedModel
from tasks.models.size import measure_model
from tasks.pruning.filters import (
    Mask,
    clear_filters,
    clear_weights,
    list_positions,
    mark_units,
    merge_pruned,
)
from tasks.pruning.layers import Evidence, find_layers
from tasks.pruning.registry import find_demand
from tasks.pruning.removal import remove_filters
from tasks.pruning.selection import Marks
from tasks.seeds import make_generator
from tasks.stages.context import Context, StageOutcome, load_initial_model, save_model
from tasks.stages.train import Trained, build_stage_objective, load_surrogates, save_training, train_model
from tasks.training.checkpoint import TrainingProgress
from tasks.training.loop import count_steps
from tasks.training.objectives.step import Objective, ObjectiveContext, build_objective
from tasks.training.settings import TrainSettings
from tasks.training.sparsity.gradients import measure_gradients
from tasks.training.sparsity.gradual import GradualPruning
from tasks.training.sparsity.learned import ScoredModel
from tasks.training.sparsity.rated import RatedModel, press_shares
from tasks.training.sparsity.settings import TrainedPruneSettings
from tasks.trial.chain import Stage


def run_prune(stage: Stage, context: Context, draft: Path) -> StageOutcome:
    """Set the least important filters or weights to zero, for good or once, or remove filters.

    At once, after scores were learned, or more and more while the weights are trained.

    :raises StageError: the network takes lambda.
    """
    settings = cast(TrainedPruneSettings, stage.settings)
    description, model = load_initial_model(stage, context)
    if description.conditioned:
        raise StageError("prune: a network that takes lambda is not pruned: prune it before objective oat trains it")
    image = context.load_data(stage).test.image_shape
    before = measure_model(model, image)
    trained: Trained | None = None
    if settings.training and settings.schedule == "cubic":
        description, count, trained = _prune_gradually(stage, settings, context, description, model)
    else:
        evidence = Evidence(partial(_measure_gradients, stage, settings, context, model))
        if settings.training:
            evidence, trained = _learn_scores(stage, settings, context, description, model)
        description, count = _prune_at_once(stage, settings, description, model, evidence, image)
    save_model(draft, model, description)
    size = {**measure_model(model, image), **{f"{name}_before": value for name, value in before.items()}}
    outcome = save_training(draft, stage, settings.training, trained) if settings.training and trained else {}
    metrics = {**outcome.get("metrics", {}), f"pruned_{settings.unit}": count, **size}
    return {"model": description.to_json(), **outcome, "metrics": metrics}


def _prune_at_once(
    stage: Stage,
    settings: TrainedPruneSettings,
    description: Description,
    model: NormalizedModel,
    evidence: Evidence,
    image: tuple[int, ...],
) -> tuple[Description, int]:
    """What the model has become, and how many units went."""
    draw = make_generator(stage.seed, "prune")
    if settings.mode == "remove":
        shapes, removed = remove_filters(model, settings, draw, image, evidence)
        return replace(description, shapes=description.shapes | shapes), sum(map(len, removed.values()))
    marks = mark_units(model, settings, draw, evidence)
    if settings.unit == "weights":
        clear_weights(model, marks)
    else:
        clear_filters(model, list_positions(marks))
    return _describe_pruned(settings, description, model, marks), _count_marks(marks)


def _describe_pruned(
    settings: TrainedPruneSettings, description: Description, model: NormalizedModel, marks: Mapping[str, Tensor]
) -> Description:
    """The description with what later stages hold at zero; it is at zero in the model too."""
    if settings.mode == "mask" and settings.unit == "weights":
        description = replace(description, sparse=sorted({*description.sparse, *marks}))
    elif settings.mode == "mask":
        description = replace(description, pruned=merge_pruned(description.pruned, list_positions(marks)))
    Mask.of(model, description.pruned, description.sparse).apply()
    return description


def _count_marks(marks: Marks) -> int:
    return sum(int(mark.sum()) for mark in marks.values())


def _prune_gradually(
    stage: Stage, settings: TrainedPruneSettings, context: Context, description: Description, model: NormalizedModel
) -> tuple[Description, int, Trained]:
    training = cast(TrainSettings, settings.training)
    data, objective = build_stage_objective(stage, training, context, model)
    before = Mask.of(model, description.pruned, description.sparse)

    def choose(now: TrainedPruneSettings, held: Mapping[str, Tensor]) -> Marks:
        compute = partial(_take_gradients, stage, now, model, data.train, objective)
        return mark_units(model, now, make_generator(stage.seed, "prune"), Evidence(compute), held)

    pruning = GradualPruning(model, settings, count_steps(len(data.train), training), choose, before)

    def hold(progress: TrainingProgress) -> None:
        done = progress.partial.steps if progress.partial else 0
        pruning.hold(progress.epoch * count_steps(len(data.train), training) // training.epochs + done)
        if progress.average:
            pruning.clear(progress.average.tensors)

    trained = train_model(stage, training, context, model, data, objective, hold)
    marks = pruning.mark_zeros() if settings.ratio else {}
    return _describe_pruned(settings, description, model, marks), _count_marks(marks), trained


def _learn_scores(
    stage: Stage, settings: TrainedPruneSettings, context: Context, description: Description, model: NormalizedModel
) -> tuple[Evidence, Trained]:
    training = cast(TrainSettings, settings.training)
    Mask.of(model, description.pruned, description.sparse).apply()
    learns_ratios = find_demand(settings.importance).learns_ratios
    scored = RatedModel(model, settings) if learns_ratios else ScoredModel(model, settings)
    data, objective = build_stage_objective(stage, training, context, scored)
    if isinstance(scored, RatedModel):
        objective = press_shares(objective, scored, settings.pressure)
    trained = train_model(stage, training, context, scored, data, objective, lambda progress: None)  # noqa: ARG005
    model.requires_grad_(True)
    return Evidence(learned=scored.get_learned()), trained


def _measure_gradients(
    stage: Stage, settings: TrainedPruneSettings, context: Context, model: NormalizedModel
) -> Mapping[str, Tensor]:
    """Under the loss that the settings name, for an importance that asks for it."""
    images = context.load_data(stage, "train").train
    surrogates = load_surrogates(stage, context, len(settings.surrogates))
    objective = build_objective(settings.chosen_objective, ObjectiveContext(model, images, surrogates, stage.seed))
    return _take_gradients(stage, settings, model, images, objective)


def _take_gradients(
    stage: Stage, settings: TrainedPruneSettings, model: NormalizedModel, images: Images, objective: Objective
) -> Mapping[str, Tensor]:
    layers = find_layers(model.network, settings.scope, settings.unit)
    weights: dict[str, nn.Parameter] = {name: layer.get_parameter("weight") for name, layer in layers.items()}
    return measure_gradients(model, weights, images, objective, make_generator(stage.seed, "prune", "gradients"))
