"""The options of a launch, and the exit codes of a command."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

FINISHED, SOME_FAILED, INTERRUPTED = 0, 1, 130
"""Exit codes; 2 is wrong usage."""


@dataclass(frozen=True)
class LaunchOptions:
    """The options of one launch."""

    space: str
    overrides: Sequence[str] = ()
    storage: str = "results"
    data_dir: Path | None = None
    address: str = "local"
    cpus_per_trial: float | None = None
    gpus_per_trial: float | None = None
    max_concurrent: int | None = None
    max_failures: int = 1
    """How often a stage is tried again after an error of its own."""
    max_preemptions: int = 10
    """How often a stage is tried again after its worker was lost."""
    timeouts: Sequence[str] = ()
    """`KIND=SECONDS`, beside those of the space."""
    wandb: str = "offline"
    project: str = "advsweep"
    dry_run: bool = False
    fresh: bool = False
    verify: bool = False
    """Add the cells that make more checks of the numbers possible."""
    cpus: int | None = None
    """CPUs of a private Ray; null: those that this process may use."""
