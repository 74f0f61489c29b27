"""A model behind its transformations, as the judge asks it and as an attack sees it."""

from __future__ import annotations

from functools import partial

from torch import nn

from tasks.attacks.engine.attacked_model import AttackedModel
from tasks.evaluation.settings import DefendedAttackSettings
from tasks.transformations.defended_model import JUDGE, DefendedModel, LoadImages


def defend(
    model: nn.Module, attacked: AttackedModel, cell: DefendedAttackSettings, seed: int, training: LoadImages
) -> tuple[nn.Module, AttackedModel]:
    """The model that is judged, and the one that is attacked.

    An adaptive attack sees the transformations, and draws for itself; any other, and one against a surrogate, sees the
    model as it was.

    :param model: pixels float [N, C, H, W] of [0, 1] -> logits float [N, classes].
    :param attacked: the model that examples are made against, without transformations.
    :param training: loads the training images, float [M, C, H, W] in [0, 1].
    """
    behind = partial(DefendedModel, settings=cell.inference, seed=seed, training=training)
    judged = behind(model, purpose=JUDGE, samples=cell.inference.samples)
    if not cell.adaptive or cell.surrogate:
        return judged, attacked
    seen = partial(behind, purpose="attack", samples=cell.inference.eot_samples)
    judge, original = seen(attacked.judge).eval(), seen(attacked.original).eval()
    gradient = judge if attacked.judges_its_gradients else seen(attacked.gradient).eval()
    return judged, AttackedModel(gradient, judge, original, attacked.is_prepared)
