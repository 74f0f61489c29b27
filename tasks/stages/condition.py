"""A network that takes lambda: made of an ordinary one, and at one lambda an ordinary one again."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import cast

import torch

from tasks.errors import StageError
from tasks.models.build import Description, NormalizedModel, build_with_weights
from tasks.models.conditional import find_condition, fold_condition, make_conditional
from tasks.models.settings import ConditionSettings
from tasks.pruning.filters import Mask, find_batch_norms
from tasks.seeds import derive_seed
from tasks.stages.context import Context, StageOutcome, save_model
from tasks.training.objectives.base import Conditioning
from tasks.trial.chain import Stage


def prepare_conditional_model(
    stage: Stage, description: Description, model: NormalizedModel, conditioning: Conditioning
) -> Description:
    """Make the network take lambda, where it does not yet; its answers stay as they are until it is trained.

    :returns: the description of the network as it is now.
    :raises StageError: it has no batch norm that can be conditioned, or was trained with other lambdas.
    """
    known = find_condition(model.network)
    if known is None:
        names = {id(layer): name for name, layer in model.network.named_modules()}
        norms = find_batch_norms(model.network) if description.pruned else {}
        pruned = {names[id(norms[name])]: places for name, places in description.pruned.items() if name in norms}
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(derive_seed(stage.seed, stage.kind, "conditional weights"))
            make_conditional(model.network, conditioning.lambdas, conditioning.reference, pruned)
        model.to(model.mean.device)
    elif known.lambdas != conditioning.lambdas:
        raise StageError(f"{stage.kind}: the network was trained with the lambdas {known.lambdas}: give the same")
    else:
        known.reference = conditioning.reference
    content = {"lambdas": list(conditioning.lambdas), "reference": conditioning.reference}
    return replace(description, conditioned=content)


def run_condition(stage: Stage, context: Context, draft: Path) -> StageOutcome:
    """The ordinary network that a conditional one is at the lambda of the settings; what is pruned stays at zero."""
    settings = cast(ConditionSettings, stage.settings)
    conditional, model = context.load_upstream_model(stage)
    state = {f"network.{name}": value for name, value in fold_condition(model.network, settings.weight).items()}
    description = replace(conditional, conditioned=None)
    folded = build_with_weights(description, {**state, "mean": model.mean, "std": model.std})
    Mask.of(folded, description.pruned, description.sparse).apply()
    save_model(draft, folded, description)
    return {"model": description.to_json()}
