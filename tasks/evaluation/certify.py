"""Certify the test images: what stands where an attack stands, and states a lower bound."""

from __future__ import annotations

import copy
from collections.abc import Sequence
from typing import cast

from torch import Tensor, nn

from tasks.arithmetic import use_tf32
from tasks.attacks.engine.fast_model import freeze_copy
from tasks.attacks.engine.frozen_copy import copy_unseen
from tasks.certificates.base import CertificateSettings
from tasks.certificates.job import CertificateJob, load_certificate
from tasks.data.images import Images, convert_to_float
from tasks.evaluation.audit import TOLERANCE
from tasks.evaluation.evaluation import Evaluation, build_table, evaluate_in_memory
from tasks.evaluation.predict import choose_images
from tasks.evaluation.settings import AttackSettings


@use_tf32(False)
def certify(
    model: nn.Module, images: Images, cells: Sequence[AttackSettings], seed: int, std: float
) -> list[Evaluation]:
    """Certify the images that an attack with the same settings would see; an outcome for each cell, in their order.

    :param model: pixels float [N, C, H, W] of [0, 1] -> logits float [N, classes]; its copy in fp32 is certified.
    :param cells: settings that one run serves: they differ in the budget alone.
    :param seed: of the choice of images and of every random number of the certificate.
    :param std: the model's normalisation, for a budget in normalised units.
    :raises StageError: the model has a layer that the certificate does not know, or the split is smaller than
        `examples`.
    """
    assert len({cell.shared_text for cell in cells}) == 1, "cells of one run differ in the budget alone"
    judge, network = freeze_copy(model), copy.deepcopy(model).eval()
    methods = [cast(CertificateSettings, cell.method) for cell in cells]
    budgets = tuple(_widen(cell.method.eps or 0.0, std if cell.eps_space == "normalized" else 1.0) for cell in cells)
    size, run = cells[0].batch_size, load_certificate(methods[0])

    def certify_batch(index: Tensor) -> list[Evaluation]:
        clean, labels = convert_to_float(images.read(index)), images.labels[index]
        job = CertificateJob(copy_unseen(judge), network, clean, labels, index, seed, budgets, size)
        return [
            Evaluation(
                build_table(
                    {
                        "index": index,
                        "label": labels,
                        "clean_prediction": found.classes,
                        "clean_confidence": found.confidence,
                        "robust": found.certified & found.classes.eq(labels),
                        "radius": found.radius,
                        "samples": found.samples,
                    },
                    len(index),
                ),
                None,
            )
            for found in run(job, methods)
        ]

    return evaluate_in_memory(certify_batch, choose_images(copy_unseen(judge), images, cells[0], seed), size)


def _widen(eps: float, scale: float) -> float:
    """The budget in pixels, with all that an audit lets an attack exceed it by: what is certified holds for both."""
    return eps * scale * (1 + TOLERANCE) + 1e-6 if eps else 0.0
