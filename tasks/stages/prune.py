"""The pruning stage."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import cast

from tasks.models.size import measure_model
from tasks.pruning.filters import Mask, choose_filters, clear_filters, merge_pruned
from tasks.pruning.removal import remove_filters
from tasks.pruning.settings import PruneSettings
from tasks.seeds import make_generator
from tasks.stages.context import Context, StageOutcome, load_initial_model, save_model
from tasks.trial.chain import Stage


def run_prune(stage: Stage, context: Context, draft: Path) -> StageOutcome:
    """Set the least important filters to zero, for good or once, or remove them."""
    settings = cast(PruneSettings, stage.settings)
    description, model = load_initial_model(stage, context)
    draw = make_generator(stage.seed, "prune")
    image = context.load_data(stage).test.image_shape
    before = measure_model(model, image)
    if settings.mode == "remove":
        shapes, chosen = remove_filters(model, settings, draw, image)
        description = replace(description, shapes=description.shapes | shapes)
    elif settings.mode == "once":
        chosen = choose_filters(model, settings, draw)
        clear_filters(model, chosen)
    else:
        chosen = choose_filters(model, settings, draw)
        description = replace(description, pruned=merge_pruned(description.pruned, chosen))
        Mask.of(model, description.pruned).apply()
    save_model(draft, model, description)
    size = {**measure_model(model, image), **{f"{name}_before": value for name, value in before.items()}}
    return {"model": description.to_json(), "metrics": {"pruned_filters": sum(map(len, chosen.values())), **size}}
