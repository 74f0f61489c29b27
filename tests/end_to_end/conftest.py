"""Fixtures that several tests share."""

from __future__ import annotations

from tests.support.wandb_sweep import stub, sweep, written
from tests.support.where import space

__all__ = ["space", "stub", "sweep", "written"]
