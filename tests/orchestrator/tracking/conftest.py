"""Fixtures of the tests that look at W&B runs."""

from __future__ import annotations

from tests.support.wandb_sweep import stub, sweep, written

__all__ = ["stub", "sweep", "written"]
