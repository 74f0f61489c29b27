"""Certify a network by interval bounds."""

from __future__ import annotations

import copy
from collections.abc import Callable, Sequence

import torch
from torch import Tensor, fx

from tasks.certificates.base import CertificateSettings
from tasks.certificates.interval_bounds.propagate import Bounds, bound_margins, trace_network
from tasks.certificates.job import Certificate, CertificateJob

HALVINGS = 16
"""Of the search for the radius: it is exact to 1 / 2^16 of the range of pixels."""
BoundMargins = Callable[[fx.GraphModule, Bounds, Tensor], Tensor]
ROUNDING = 1e-5
"""A margin below it is none: the judge computes in single precision, the bounds in double."""


def certify_by_intervals(job: CertificateJob, settings: Sequence[CertificateSettings]) -> list[Certificate]:  # noqa: ARG001
    """Class, radius and verdict of each image, for each budget.

    Bounds widen with the budget, so that the radius is found by halving.

    :raises StageError: the network has a layer that is not known.
    """
    return certify_by_margins(job, lambda graph, start, labels: bound_margins(graph, start, labels)[1])


def certify_by_margins(job: CertificateJob, bound: BoundMargins) -> list[Certificate]:
    """The same by any lower bounds of the margins.

    :param bound: (traced network, box around each image, classes int64 [N]) -> float [N, classes], 0 over the own one.
    """
    graph, clean = trace_network(copy.deepcopy(job.network).double()), job.clean.double()
    with torch.no_grad():
        logits = job.model(job.clean)
        confidence, classes = logits.softmax(1).max(1)
        low, high = torch.zeros(len(clean), dtype=clean.dtype, device=clean.device), torch.ones_like(clean[:, 0, 0, 0])
        for _ in range(HALVINGS):
            middle = (low + high) / 2
            holds = _is_certified(bound, graph, clean, classes, middle)
            low, high = torch.where(holds, middle, low), torch.where(holds, high, middle)
        found = []
        for eps in job.budgets:
            holds = _is_certified(bound, graph, clean, classes, torch.full_like(low, eps)) | (low >= eps)
            found.append(Certificate(classes, torch.where(holds, low.clamp(min=eps), low), holds, confidence))
    return found


def _is_certified(bound: BoundMargins, graph: fx.GraphModule, clean: Tensor, classes: Tensor, eps: Tensor) -> Tensor:
    """Whether no image of [0, 1] within eps [N] of each has another class, bool [N]."""
    reach = eps[:, None, None, None]
    start = Bounds(clean, (clean - reach).clamp(0, 1), (clean + reach).clamp(0, 1))
    margins = bound(graph, start, classes)
    return margins.scatter(1, classes[:, None], torch.inf).gt(ROUNDING).all(1)
