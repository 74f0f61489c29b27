"""What every attack stage notes beside its result: whether the model can be attacked, and the attack attacks it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from torch import nn

from tasks.attacks.engine.frozen_copy import copy_unseen
from tasks.data.images import Images, convert_to_float
from tasks.evaluation.behaviour import check_behaviour
from tasks.evaluation.evaluation import Evaluation
from tasks.evaluation.gradient_check import check_gradients
from tasks.evaluation.probes import PROBED, choose_probe_budget, probe_model
from tasks.evaluation.settings import AttackSettings

Health = dict[str, Any]
"""Metrics of an attack stage: columns of the trials table, and `health`, counts of images by name."""


def check_health(
    model: nn.Module,
    looked_at: nn.Module,
    images: Images,
    found: Sequence[Evaluation],
    cells: Sequence[AttackSettings],
    seed: int,
    scale: float,
) -> list[Health]:
    """What was noticed, for each cell of a run; some 3,000 passes of an image in all, fewer where images leave early.

    :param model: frozen; it has answered nothing yet, and only copies of it are asked.
    :param looked_at: where gradients come from, frozen.
    :param images: the test split.
    :param found: the evaluations of the cells.
    :param scale: pixels per unit of eps.
    """
    index = torch.from_numpy(found[0].table["index"].to_numpy()[:PROBED].copy()).to(images.device)
    pixels, labels = convert_to_float(images.read(index)), images.labels[index]
    gradients = check_gradients(looked_at, pixels, labels)
    budget = choose_probe_budget(cells[0].method, scale)
    behaviour = check_behaviour(lambda: copy_unseen(model), pixels)
    probes = probe_model(looked_at, lambda: copy_unseen(model), pixels, labels, gradients.gradient, budget, seed)
    robust = [torch.from_numpy(result.table["robust"].to_numpy().copy()) for result in found]
    return [
        {
            **gradients.count(),
            "health": {**count_answers(result, cell), **result.path, **behaviour, **probes.compare(held)},
        }
        for result, cell, held in zip(found, cells, robust, strict=True)
    ]


def count_answers(result: Evaluation, cell: AttackSettings) -> dict[str, int | None]:
    """What the answers tell by themselves.

    `classes_said`: distinct predictions of clean images. `corrected`: images that are seen rightly under attack alone.
    `unmoved`: images that count as robust although an attack with a budget left them as they are. `remembered`: of
    `asked` examples, those that a copy which has seen the clean images answers otherwise than one that has not.
    """
    table = result.table
    clean, seen = (
        table[f"{what}_prediction"].to_numpy() == table["label"].to_numpy() for what in ("clean", "adversarial")
    )
    robust, still = table["robust"].to_numpy(), table["linf"].to_numpy() == 0
    bounded = cell.method.bounded and bool(cell.method.eps)
    return {
        "classes_said": len(np.unique(table["clean_prediction"].to_numpy())),
        "corrected": int((seen & ~clean).sum()),
        "unmoved": int((robust & still).sum()) if bounded else None,
        "remembered": result.remembered,
        "asked": result.asked,
    }
