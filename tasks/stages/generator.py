"""The stage that trains a generator, and how an attack takes it out of the store."""

from __future__ import annotations

from pathlib import Path
from typing import Any, cast

import pyarrow as pa
import safetensors.torch
import torch

from tasks.attacks.engine.fast_model import freeze_copy
from tasks.data.images import Images
from tasks.errors import CorruptArtifactError, StageError
from tasks.generators.base import GeneratorSettings
from tasks.generators.job import Generator, GeneratorJob, build_generator
from tasks.models.weights import describe_misfit, load_weights_file
from tasks.paths import HISTORY, MODEL
from tasks.schema import HISTORY as HISTORY_SCHEMA
from tasks.seeds import derive_seed
from tasks.stages.context import Context, StageOutcome, save_file, save_table
from tasks.stages.generator_progress import GeneratorProgress
from tasks.storage.write_behind import WriteBehind
from tasks.transfer import fetch
from tasks.trial.chain import Stage

GENERATOR_ROLE = "generator"


def run_generator(stage: Stage, context: Context, draft: Path) -> StageOutcome:
    """Train a generator on the training part, or take the weights of a file.

    :raises StageError: its weights are not finite in the end, or the file does not fit.
    """
    settings = cast(GeneratorSettings, stage.settings)
    images = context.load_data(stage, "train").train
    generator = _build(settings, images, stage.seed, context)
    outcome = {} if _take_weights(generator, settings) else _train(generator, stage, images, context, draft)
    if not all(bool(torch.isfinite(value).all()) for value in generator.state_dict().values()):
        raise StageError(f"the generator {settings.name} has weights that are not finite: lower its lr")
    save_file(draft, MODEL, safetensors.torch.save(fetch(generator.state_dict())))
    parameters = sum(value.numel() for value in generator.parameters())
    return {**outcome, "metrics": {**outcome.get("metrics", {}), "parameters": parameters}}


def _take_weights(generator: Generator, settings: GeneratorSettings) -> bool:
    """Whether there is a file of weights; these are in the generator then."""
    if settings.weights is None:
        return False
    setting = "generator.weights"
    file, found = load_weights_file(settings.weights, setting)
    misfit = describe_misfit(generator.state_dict(), found)
    if misfit:
        raise StageError(f"{setting}: {file} does not fit the generator {settings.name}: {misfit}")
    generator.load_state_dict(found)
    return True


def _train(generator: Generator, stage: Stage, images: Images, context: Context, draft: Path) -> StageOutcome:
    """Train against the stage's upstream model where there is one; continue from the last checkpoint."""
    settings = cast(GeneratorSettings, stage.settings)
    target = freeze_copy(context.load_upstream_model(stage)[1]) if settings.needs_target else None
    torch.manual_seed(derive_seed(stage.seed, "generator", "torch"))
    with WriteBehind(context.store.storage) as behind:
        name = context.store.name_checkpoint(stage.key)
        progress = GeneratorProgress(context.store.storage, behind, name, settings.checkpoint_every)

        def note_epoch(entry: dict[str, Any]) -> None:
            progress.finish_epoch({"stage_key": stage.key, "stage": stage.kind, **entry})
            if context.on_epoch:
                context.on_epoch(stage, progress.history[-1])

        generator.train().fit(GeneratorJob(images, stage.seed, target, note_epoch, progress))
    history = progress.history
    save_table(draft, HISTORY, pa.Table.from_pylist(history, schema=HISTORY_SCHEMA))
    last = {name: history[-1].get(name) for name in ("train_loss", "train_accuracy")} if history else {}
    return {
        "metrics": {**last, "training_images": len(images)},
        "resumed_from": progress.resumed_from,
        "training_seconds": sum(entry["seconds"] for entry in history),
    }


def load_generator(stage: Stage, settings: GeneratorSettings, images: Images, context: Context) -> Generator:
    """The generator of an attack stage, frozen, on the device where stages run.

    :param settings: of the generator, as the attack asks for it.
    :param images: of the data set.
    :raises CorruptArtifactError: what is stored does not fit the settings.
    """
    key = stage.upstream[GENERATOR_ROLE]
    content = context.store.read_model(key)[1]
    generator = _build(settings, images, stage.seed, context)
    try:
        generator.load_state_dict(safetensors.torch.load(content))
    except (safetensors.SafetensorError, RuntimeError, ValueError, KeyError) as error:
        reason = (str(error).splitlines() or [""])[0]
        raise CorruptArtifactError(f"stage {key[:12]}: {MODEL} is no generator {settings.name}: {reason}") from error
    return generator.eval().requires_grad_(False)


def _build(settings: GeneratorSettings, images: Images, seed: int, context: Context) -> Generator:
    return build_generator(settings, images.image_shape, len(images.classes), seed).to(context.get_device())
