"""A certificate that breaks one of its promises is told which."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any, Literal

import pytest
import torch

from tasks.certificates.base import CertificateSettings
from tasks.certificates.job import ABSTAINED, Certificate, CertificateJob
from tasks.certificates.registry import CERTIFICATES
from tasks.contracts.check_part import check_part
from tasks.settings import keyed

RADII = (6e-4, 2e-4, 1e-5, 0.0)
"""Of the images in turn: none is so close to another class."""


class StrangeSettings(CertificateSettings):
    """A certificate that is right but for what `how` says."""

    name: Literal["strange"] = keyed("strange")
    norm: Literal["linf"] = keyed("linf")
    how: str = keyed("")


def certify_strangely(job: CertificateJob, settings: Sequence[StrangeSettings]) -> list[Certificate]:
    how, count = settings[0].how, len(job.clean)
    with torch.no_grad():
        confidence, classes = job.model(job.clean).softmax(1).max(1)
    radius = torch.tensor(RADII, dtype=torch.float64)[job.index % len(RADII)]
    if how == "batch":
        radius = torch.full_like(radius, 0.021 if count == 12 else 0.001)
    if how == "classes by batch":
        classes = (classes + (count < 12)) % 4
    if how == "too far":
        radius = radius * 0 + 0.4
    if how == "negative":
        radius = radius - 0.01
    if how == "images":
        job.clean[0] = 0.5
    if how == "labels":
        job.labels[0] += 1
    if how == "weights":
        next(job.network.parameters()).data.add_(0.01)
    if how == "no such class":
        classes = classes + 1
    if how == "abstains":
        classes = torch.full_like(classes, ABSTAINED)
    if how == "shape":
        radius = radius[:, None]
    found = [Certificate(classes, radius, radius >= budget, confidence) for budget in job.budgets]
    if how == "few":
        return found[:2]
    if how == "beyond":
        found[1] = replace(found[1], certified=found[0].certified)
    if how == "larger alone":
        grown = torch.full_like(radius, 9.0)
        found[2] = replace(found[2], radius=grown, certified=grown > 0)
    return found


StrangeSettings.certify = certify_strangely

PROBLEMS = {
    "few": ["2 results for 3 budgets"],
    "shape": ["results of the shapes [[12], [12, 1], [12, 1], [12]] for 12 images"],
    "no such class": ["classes that there are not"],
    "negative": ["radii that are negative or NaN"],
    "beyond": ["certified at a budget beyond its own radius"],
    "abstains": ["certified where it abstains"],
    "larger alone": ["certified at a budget and not at a smaller one"],
    "batch": ["another answer with other images beside it: draw by `job.index` and `job.seed`"],
    "classes by batch": ["another answer with other images beside it"],
    "too far": ["within its radius of 0.4"],
    "images": ["it changes what it is given"],
    "labels": ["it changes what it is given"],
    "weights": ["it changes weights of the model"],
}


def list_problems(how: str) -> list[str]:
    CERTIFICATES.add("strange", StrangeSettings)
    try:
        found: Any = check_part("certificate", "strange", {"how": how}, None)
    finally:
        CERTIFICATES.remove("strange")
    return [each.problem for each in found if each.problem]


@pytest.mark.parametrize("how", ["", *PROBLEMS])
def test_a_broken_certificate_is_caught(how: str) -> None:
    problems = list_problems(how)
    for said in PROBLEMS.get(how, []):
        assert any(said in each for each in problems), problems
    assert bool(problems) is bool(how), problems
