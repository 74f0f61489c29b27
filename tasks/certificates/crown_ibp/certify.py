"""Certify a network by linear bounds of its margins."""

from __future__ import annotations

from collections.abc import Sequence

from torch import Tensor, fx

from tasks.certificates.base import CertificateSettings
from tasks.certificates.crown_ibp.backward import bound_margins_backward
from tasks.certificates.interval_bounds.certify import certify_by_margins
from tasks.certificates.interval_bounds.propagate import Bounds, IntervalWalk
from tasks.certificates.job import Certificate, CertificateJob


def certify_by_crown(job: CertificateJob, settings: Sequence[CertificateSettings]) -> list[Certificate]:  # noqa: ARG001
    """Class, radius and verdict of each image, for each budget.

    The radius is found by halving; it is one at which the bounds were seen to hold, and they hold for a whole box.

    :raises StageError: the network has a layer that is not known.
    """
    return certify_by_margins(job, bound_tighter_margins)


def bound_tighter_margins(graph: fx.GraphModule, start: Bounds, labels: Tensor) -> Tensor:
    """The larger of both lower bounds of the margins of the label over every class, float [N, classes]; 0 over itself.

    :param start: of the images, float [N, C, H, W].
    :param labels: int64 [N].
    """
    walk = IntervalWalk(graph)
    found = walk.bound_margins(start, labels)[1]
    return found.maximum(bound_margins_backward(walk, start, labels))
