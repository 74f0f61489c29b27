"""The log of a launch: one of several writes."""

from __future__ import annotations

import filelock

from orchestrator.tracking import log
from orchestrator.tracking.folder import WandbFolder
from tests.support.wandb_sweep import Sweep


def test_two_launches_do_not_write_the_same_runs(sweep: Sweep) -> None:
    folder = WandbFolder(sweep.store)
    (folder.path / "written.txt").unlink()
    with filelock.FileLock(folder.path / log.LOCK):
        code, shown = sweep.launch("offline")
    assert (code, shown.count("another launch writes the runs of this sweep")) == (0, 1)
