"""A launch as a command line for another machine."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class JobSubmission:
    """What is to run on the head."""

    sweep_id: str
    trials: int
    arguments: tuple[str, ...]
    environment: dict[str, Any]
    """Ray's runtime environment: advsweep's packages, and the space where it is a file."""
    storage: str
