"""Settings of certification by CROWN on interval bounds."""

from __future__ import annotations

from typing import Literal

from tasks.certificates.base import CertificateSettings
from tasks.settings import keyed


class CrownIbpSettings(CertificateSettings):
    """Certifies the model itself in Linf by a linear bound of its margins, from the last layer back to the image, which
    stands on interval bounds of every layer (CROWN-IBP). Of the linear and the interval bound of a margin the tighter
    counts, so that it is never looser than `interval_bounds`.

    For the networks that `interval_bounds` knows, at about as many times its price as there are classes.
    """

    paper = "Zhang et al. 2020, arXiv 1906.06316"
    certify = "tasks.certificates.crown_ibp.certify:certify_by_crown"
    check_network = "tasks.certificates.interval_bounds.check:check_layers"

    name: Literal["crown_ibp"] = keyed("crown_ibp")
    norm: Literal["linf"] = keyed("linf")

    @property
    def expected_passes(self) -> float:
        return (2.0 + 3 * 10) * 20  # both ends, and a pass forward and back a class, at each step of the search
