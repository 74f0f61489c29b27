"""Every certificate by its name, and all that may stand in the place of an attack.

This module imports nothing heavy, so that a plan can be made without torch.
"""

from __future__ import annotations

from typing import Annotated, TypeGuard

from tasks.attacks.base import MethodSettings
from tasks.attacks.registry import ATTACKS
from tasks.certificates.base import CertificateSettings
from tasks.certificates.crown_ibp.settings import CrownIbpSettings
from tasks.certificates.interval_bounds.settings import IntervalBoundsSettings
from tasks.certificates.randomized_smoothing.settings import RandomizedSmoothingSettings
from tasks.part_names import ByName
from tasks.registry import JoinedRegistry, Registry

CERTIFICATES: Registry[type[MethodSettings]] = Registry(
    "certificate",
    {
        "randomized_smoothing": RandomizedSmoothingSettings,
        "interval_bounds": IntervalBoundsSettings,
        "crown_ibp": CrownIbpSettings,
    },
)
"""Name in a search space -> settings. To add a certificate: a folder with `settings.py` and `certify.py`, and a line
here."""
METHODS: JoinedRegistry[type[MethodSettings]] = JoinedRegistry("attack or certificate", ATTACKS, CERTIFICATES)

AnyMethod = Annotated[MethodSettings, ByName(METHODS)]
"""An attack or a certificate, whose budget is in a unit that is not known here."""


def find_method(name: object) -> type[MethodSettings] | None:
    """The settings class of an attack or a certificate; null where none of that name is registered (any more)."""
    return METHODS.load(name) if isinstance(name, str) and name in METHODS else None


def is_certificate(method: MethodSettings) -> TypeGuard[CertificateSettings]:
    """Whether it states a lower bound."""
    return isinstance(method, CertificateSettings)
