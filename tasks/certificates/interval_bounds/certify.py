"""Certify a network by interval bounds."""

from __future__ import annotations

import copy
from collections.abc import Sequence

import torch
from torch import Tensor, fx

from tasks.certificates.base import CertificateSettings
from tasks.certificates.interval_bounds.propagate import Bounds, bound_margins, trace_network
from tasks.certificates.job import Certificate, CertificateJob

HALVINGS = 16
"""Of the search for the radius: it is exact to 1 / 2^16 of the range of pixels."""
ROUNDING = 1e-5
"""A margin below it is none: the judge computes in single precision, the bounds in double."""


def certify_by_intervals(job: CertificateJob, settings: Sequence[CertificateSettings]) -> list[Certificate]:  # noqa: ARG001
    """Class, radius and verdict of each image, for each budget.

    Bounds widen with the budget, so that the radius is found by halving.

    :raises StageError: the network has a layer that is not known.
    """
    graph, clean = trace_network(copy.deepcopy(job.network).double()), job.clean.double()
    with torch.no_grad():
        logits = job.model(job.clean)
        confidence, classes = logits.softmax(1).max(1)
        low, high = torch.zeros(len(clean), dtype=clean.dtype, device=clean.device), torch.ones_like(clean[:, 0, 0, 0])
        for _ in range(HALVINGS):
            middle = (low + high) / 2
            holds = _is_certified(graph, clean, classes, middle)
            low, high = torch.where(holds, middle, low), torch.where(holds, high, middle)
        found = []
        for eps in job.budgets:
            holds = _is_certified(graph, clean, classes, torch.full_like(low, eps))
            found.append(Certificate(classes, torch.where(holds, low.clamp(min=eps), low), holds, confidence))
    return found


def _is_certified(graph: fx.GraphModule, clean: Tensor, classes: Tensor, eps: Tensor) -> Tensor:
    """Whether no image of [0, 1] within eps [N] of each has another class, bool [N]."""
    reach = eps[:, None, None, None]
    start = Bounds(clean, (clean - reach).clamp(0, 1), (clean + reach).clamp(0, 1))
    margins = bound_margins(graph, start, classes)[1]
    return margins.scatter(1, classes[:, None], torch.inf).gt(ROUNDING).all(1)
