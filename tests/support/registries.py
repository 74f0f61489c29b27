"""The registries of all kinds of parts that have a contract."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from tasks.attacks.registry import ATTACKS
from tasks.certificates.registry import CERTIFICATES
from tasks.data.registry import SOURCES
from tasks.generators.registry import GENERATORS
from tasks.models.registry import ARCHITECTURES
from tasks.pruning.registry import IMPORTANCES
from tasks.registry import Registry
from tasks.training.objectives.registry import OBJECTIVES
from tasks.transformations.registry import TRANSFORMATIONS

REGISTRIES: Mapping[str, Registry[Any]] = {
    "model": ARCHITECTURES,
    "data set": SOURCES,
    "attack": ATTACKS,
    "certificate": CERTIFICATES,
    "objective": OBJECTIVES,
    "generator": GENERATORS,
    "importance": IMPORTANCES,
    "transformation": TRANSFORMATIONS,
}
