"""The contract of each kind of part."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from tasks.contracts.attack import check_attack
from tasks.contracts.certificate import check_certificate
from tasks.contracts.contract import Finding
from tasks.contracts.dataset import check_dataset
from tasks.contracts.generator import check_generator
from tasks.contracts.importance import check_importance
from tasks.contracts.model import check_model
from tasks.contracts.objective import check_objective
from tasks.contracts.transformation import check_transformation

CONTRACTS: Mapping[str, Callable[[str, Mapping[str, Any], Path | None], list[Finding]]] = {
    "model": lambda name, given, folder: check_model(name),  # noqa: ARG005
    "data set": check_dataset,
    "attack": lambda name, given, folder: check_attack(name, given),  # noqa: ARG005
    "certificate": lambda name, given, folder: check_certificate(name, given),  # noqa: ARG005
    "objective": lambda name, given, folder: check_objective(name, given),  # noqa: ARG005
    "generator": lambda name, given, folder: check_generator(name, given),  # noqa: ARG005
    "importance": lambda name, given, folder: check_importance(name),  # noqa: ARG005
    "transformation": lambda name, given, folder: check_transformation(name, given),  # noqa: ARG005
}
"""Kind -> its contract: (name, settings other than the defaults, data folder) -> what was found."""


def check_part(kind: str, name: str, given: Mapping[str, Any], folder: Path | None) -> list[Finding]:
    """Try everything that a part promises.

    :param given: its settings, other than the defaults.
    :param folder: the data folder, for data sets that live on disk.
    """
    return CONTRACTS[kind](name, given, folder)
