"""Writing runs offline, and one that cannot be written."""

from __future__ import annotations

import shutil

import pytest

from orchestrator.tracking import writer
from orchestrator.tracking.content import RunContent
from orchestrator.tracking.folder import WandbFolder
from tests.support.wandb_sweep import TRIALS, Sweep


def test_one_run_that_cannot_be_written_keeps_no_other_from_it(sweep: Sweep, monkeypatch: pytest.MonkeyPatch) -> None:
    shutil.rmtree(WandbFolder(sweep.store).path)
    victim = sorted(sweep.ids())[0]
    write = writer.Writer.fill

    def fails(self: writer.Writer, run: object, content: RunContent) -> None:
        if content.id == victim:
            raise OSError("no space left")
        write(self, run, content)

    with monkeypatch.context() as patch:
        patch.setattr(writer.Writer, "fill", fails)
        code, shown = sweep.launch("offline")
    assert code == 0
    assert shown.count("no space left") == 1
    assert "1 runs could not be written" in shown
    assert len(WandbFolder(sweep.store).written()) == TRIALS
    assert "W&B" not in sweep.launch("offline")[1]
    runs = sweep.runs()
    assert len(runs) == TRIALS + 1, "what was cut short is gone"
    assert all(run.exit_code == 0 for run in runs)
