"""What the parameter-free attacks raise, and the order in which they try targets."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional as F

from tasks.attacks.engine.job import AttackJob
from tasks.errors import StageError


def compute_cross_entropy(logits: Tensor, labels: Tensor, aim: Tensor) -> Tensor:  # noqa: ARG001
    """float [N]; there is no class to aim at."""
    return F.cross_entropy(logits, labels, reduction="none")


def compute_targeted_dlr(logits: Tensor, labels: Tensor, targets: Tensor) -> Tensor:
    """The targeted difference of logits ratio, float [N] (Croce and Hein 2020, arXiv 2003.01690, equation 7).

    :raises StageError: there are fewer than four classes.
    """
    if logits.shape[1] < 4:
        raise StageError(f"the targeted DLR loss needs at least 4 classes; the model has {logits.shape[1]}")
    ordered = logits.sort(dim=1, descending=True).values
    scale = ordered[:, 0] - 0.5 * (ordered[:, 2] + ordered[:, 3])
    lead = logits.gather(1, labels[:, None]) - logits.gather(1, targets[:, None])
    return -lead[:, 0] / (scale + 1e-12)


def rank_likeliest_others(job: AttackJob, count: int) -> Tensor:
    """The classes after the label that the model finds likeliest on the clean images, int64 [N, at most count]."""
    with torch.no_grad():
        logits = job.target.judge(job.clean)
    others = logits.scatter(1, job.labels[:, None], -torch.inf)
    indices: Tensor = others.topk(min(count, logits.shape[1] - 1), dim=1).indices
    return indices
