"""What the parameter-free attacks raise, and the order in which they try target classes."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional as F

from tasks.attacks.engine.attacked_model import compute_margin
from tasks.attacks.engine.job import AttackJob
from tasks.errors import StageError


def compute_cross_entropy(logits: Tensor, labels: Tensor, target_classes: Tensor) -> Tensor:  # noqa: ARG001
    """Cross-entropy of each image with its label, float [N]; the target classes do not matter.

    :param logits: float [N, classes].
    :param labels: int64 [N].
    """
    return F.cross_entropy(logits, labels, reduction="none")


def compute_dlr(logits: Tensor, labels: Tensor, target_classes: Tensor) -> Tensor:  # noqa: ARG001
    """The difference of logits ratio, float [N] (Croce and Hein 2020, arXiv 2003.01690, equation 6).

    -(z_label - the largest of the others) / (z_1 - z_3), where z_1 >= z_2 >= ... are the logits in order; the target
    classes do not matter.

    :param logits: float [N, classes].
    :param labels: int64 [N].
    :raises StageError: there are fewer than three classes.
    """
    if logits.shape[1] < 3:
        raise StageError(f"the DLR loss needs at least 3 classes; the model has {logits.shape[1]}")
    ordered = logits.sort(dim=1, descending=True).values
    return compute_margin(logits, labels) / (ordered[:, 0] - ordered[:, 2] + 1e-12)


def compute_targeted_dlr(logits: Tensor, labels: Tensor, target_classes: Tensor) -> Tensor:
    """The targeted difference of logits ratio, float [N] (Croce and Hein 2020, arXiv 2003.01690, equation 7).

    -(z_label - z_target) / (z_1 - (z_3 + z_4) / 2), where z_1 >= z_2 >= ... are the logits in order.

    :param logits: float [N, classes].
    :param labels: int64 [N].
    :param target_classes: int64 [N].
    :raises StageError: there are fewer than four classes.
    """
    if logits.shape[1] < 4:
        raise StageError(f"the targeted DLR loss needs at least 4 classes; the model has {logits.shape[1]}")
    ordered = logits.sort(dim=1, descending=True).values
    scale = ordered[:, 0] - 0.5 * (ordered[:, 2] + ordered[:, 3])
    ahead = logits.gather(1, labels[:, None]) - logits.gather(1, target_classes[:, None])
    return -ahead[:, 0] / (scale + 1e-12)


def rank_likeliest_others(job: AttackJob, count: int) -> Tensor:
    """The classes but the label, the likeliest on the clean images first; int64 [N, at most count].

    :param count: how many; at most all classes but the label.
    """
    with torch.no_grad():
        logits = job.model.judge(job.clean)
    others = logits.scatter(1, job.labels[:, None], -torch.inf)
    indices: Tensor = others.topk(min(count, logits.shape[1] - 1), dim=1).indices
    return indices
