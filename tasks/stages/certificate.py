"""The stage that certifies: several budgets from one run."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, cast

from tasks.attacks.engine.fast_model import freeze_copy
from tasks.evaluation.certify import certify
from tasks.evaluation.evaluation import Evaluation
from tasks.evaluation.settings import AttackSettings
from tasks.models.size import measure_model
from tasks.stages.attack import check_weights, measure_inference
from tasks.stages.context import Context
from tasks.trial.chain import Stage


def run_certificate(stages: Sequence[Stage], context: Context) -> list[tuple[Evaluation, dict[str, Any]]]:
    """Certify the model of stages that one run serves; results in their order.

    :raises StageError: the model's weights are NaN, or it has a layer that the certificate does not know.
    """
    first = stages[0]
    description, model = context.load_upstream_model(first)
    check_weights(model)
    images = context.load_data(first, "test").test
    cells = [cast(AttackSettings, stage.settings) for stage in stages]
    space = "normalized" if any(cell.eps_space == "normalized" for cell in cells) else "pixel"
    found = certify(model, images, cells, first.seed, description.get_pixels_per_unit(space))
    cost = measure_model(model, images.image_shape) | {"classes": description.classes}
    measured = {**cost, "inference_seconds": measure_inference(freeze_copy(model), images)}
    return [(result, {"metrics": {**result.count_correct(), **measured}}) for result in found]
