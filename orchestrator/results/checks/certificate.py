"""Certificates held against attacks on the same classifier, image by image: where they disagree, one is wrong."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray
from pydantic import ValidationError

from orchestrator.results.checks.model import SURE
from orchestrator.results.checks.verdict import OK, SUSPICIOUS, Group, Verdict, list_ids, report_not_tested
from orchestrator.results.eps import format_row_eps
from orchestrator.results.image_reader import ImageReader, ReadRobust
from tasks.certificates.base import CertificateSettings
from tasks.certificates.registry import find_method
from tasks.trial.row import Row

CHECK = "certificate <= attack"
COHEN = "Cohen et al. 2019, arXiv 1902.02918"
PROVEN = ("index", "label", "clean_prediction", "radius")
"""What is read of the images of a certificate."""
ROUNDING = 1e-5
"""By how much a radius may exceed a perturbation before they disagree."""


@dataclass(frozen=True)
class _Conflict:
    """How often an attack was found where a certificate says that there is none."""

    images: int
    """Certified beyond the perturbation that the attack made."""
    fooled: int
    """Of these, images that it fooled all the same."""
    expected: float
    """How many of these, at most, where both are right: a certificate, or the answer under attack, may be random."""

    @property
    def is_real(self) -> bool:
        """Whether chance does not explain it: the bound of Chernoff (1952) for a sum of independent events."""
        if self.fooled <= self.expected:
            return False
        if self.expected == 0:
            return True
        excess = self.fooled - self.expected + self.fooled * math.log(self.expected / self.fooled)
        return math.exp(excess) < SURE


def check_certificates(certificates: Group, attacks: Group, read: ReadRobust) -> Iterator[Verdict]:
    """No attack undercuts a certificate of the same classifier.

    :param certificates: rows with a lower bound.
    :param attacks: rows with an upper bound, of the same classifier on the same images.
    :param read: what is stored of the images; without it nothing is compared.
    """
    for row in certificates:
        others = [other for other in attacks if other["attack_norm"] == row["attack_norm"]]
        found = [(other, conflict) for other in others if (conflict := _compare_images(row, other, read)) is not None]
        if not found:
            yield report_not_tested(CHECK, COHEN, [row], f"an attack in {row['attack_norm']} on the same classifier")
        for other, conflict in found:
            figures = (
                f"{other['attack']} eps {format_row_eps(other)} fools {conflict.fooled} of {conflict.images} "
                f"images within their certified radius, chance explains {conflict.expected:.2g}"
            )
            cause = "an attack lies within a certified radius: the certificate is wrong, or of another classifier"
            if conflict.is_real:
                yield Verdict(CHECK, SUSPICIOUS, figures, COHEN, list_ids(row, other), cause)
            else:
                yield Verdict(CHECK, OK, figures, COHEN, list_ids(row))


def _compare_images(row: Row, other: Row, read: ReadRobust) -> _Conflict | None:
    """Null where the images of one of them are not known."""
    settings = _read_certificate(row)
    if settings is None or not isinstance(read, ImageReader):
        return None
    norm = str(row["attack_norm"])
    proven, attacked = read.load_table(row, *PROVEN), read.load_table(other, "index", "adversarial_prediction", norm)
    if proven is None or attacked is None:
        return None
    shared = _join_images(proven, attacked, norm)
    margin = shared["radius"] - shared["size"]
    within = (shared["clean_prediction"] == shared["label"]) & (margin > ROUNDING * (1 + shared["radius"]))
    fooled = within & (shared["adversarial_prediction"] != shared["label"])
    inference = json.loads(other["config"]).get("inference") or {}
    expected = settings.bound_wrong_answer(margin[within], int(inference.get("samples", 1)))
    return _Conflict(int(within.sum()), int(fooled.sum()), float(expected.sum()))


def _read_certificate(row: Row) -> CertificateSettings | None:
    content = json.loads(row["config"])["attack"]
    found = find_method(content.get("name"))
    if found is None or not issubclass(found, CertificateSettings):
        return None
    try:
        return found.model_validate({name: content[name] for name in found.model_fields if name in content})
    except ValidationError:
        return None


def _join_images(proven: pa.Table, attacked: pa.Table, norm: str) -> dict[str, NDArray[np.float64]]:
    """Columns over the images that both have, in one order."""
    first, second = (table.sort_by("index") for table in (proven, attacked))
    places, others = (np.array(table["index"].to_pylist()) for table in (first, second))
    _, mine, theirs = np.intersect1d(places, others, return_indices=True)
    columns = {name: (first, mine, name) for name in PROVEN[1:]}
    columns |= {"adversarial_prediction": (second, theirs, "adversarial_prediction"), "size": (second, theirs, norm)}
    return {name: np.array(table[of].to_pylist(), float)[rows] for name, (table, rows, of) in columns.items()}
