"""The pruning stage."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import cast

from tasks.models.size import model_size
from tasks.pruning.filters import Mask, choose_filters, merged
from tasks.pruning.removal import remove_filters
from tasks.pruning.settings import PruneSettings
from tasks.seeds import generator
from tasks.stages.context import Context, Outcome, initial_model, save_model
from tasks.trial.chain import Stage


def prune(stage: Stage, context: Context, draft: Path) -> Outcome:
    """Set the least important filters to zero for good, or remove them."""
    settings = cast(PruneSettings, stage.settings)
    description, model = initial_model(stage, context)
    draw = generator(stage.seed, "prune")
    image = tuple(context.data(stage).test.pixels.shape[1:])
    before = model_size(model, image)
    if settings.mode == "remove":
        shapes, chosen = remove_filters(model, settings, draw, image)
        description = replace(description, shapes=description.shapes | shapes)
    else:
        chosen = choose_filters(model, settings, draw)
        description = replace(description, pruned=merged(description.pruned, chosen))
        Mask.of(model, description.pruned).apply()
    save_model(draft, model, description)
    size = {**model_size(model, image), **{f"{name}_before": value for name, value in before.items()}}
    return {"model": description.to_json(), "metrics": {"pruned_filters": sum(map(len, chosen.values())), **size}}
