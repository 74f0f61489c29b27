"""Settings of certification by interval bounds."""

from __future__ import annotations

from typing import Literal

from tasks.certificates.base import CertificateSettings
from tasks.settings import keyed


class IntervalBoundsSettings(CertificateSettings):
    """Certifies the model itself in Linf, by the interval in which each value of each layer must lie (IBP).

    For networks of linear and convolutional layers, batch norm, ReLU, pooling, additions and flattening; it is loose
    for any network that was not trained for it. Another layer is refused by its name.
    """

    paper = "Gowal et al. 2018, arXiv 1810.12715"
    certify = "tasks.certificates.interval_bounds.certify:certify_by_intervals"
    check_network = "tasks.certificates.interval_bounds.check:check_layers"

    name: Literal["interval_bounds"] = keyed("interval_bounds")
    norm: Literal["linf"] = keyed("linf")

    @property
    def expected_passes(self) -> float:
        return 2.0 * 20  # a lower and an upper end, at each step of the search for the radius
