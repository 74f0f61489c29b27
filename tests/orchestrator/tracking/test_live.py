"""Curves while a sweep runs."""

from __future__ import annotations

import pytest

from orchestrator.plan.plan import make_plan
from orchestrator.space import space as spaces
from orchestrator.tracking import live
from orchestrator.tracking.folder import WandbFolder, run_id
from orchestrator.tracking.live import Epoch, LiveRun
from orchestrator.tracking.sender import Sender
from orchestrator.tracking.writer import Writer
from tasks.trial.chain import Stage
from tests.conftest import CONFIG
from tests.support.harness import wait_until
from tests.support.wandb_files import Run, read_run
from tests.support.wandb_stub import Stub
from tests.support.wandb_sweep import Sweep

pytestmark = pytest.mark.slow


def make_stages() -> tuple[Stage, ...]:
    return make_plan(spaces.build("test", "test", dict(CONFIG))).trials[0].chain


def make_epoch(stage: Stage, number: int) -> Epoch:
    return Epoch(stage, {"epoch": number, "train_loss": 0.5 / (number + 1), "validation_loss": None, "seconds": 1.0})


def read_live_run(sweep: Sweep, key: str) -> Run:
    """What is in its file now, while it may still be written."""
    folder = WandbFolder(sweep.store).run_folder(key)
    assert folder is not None
    return read_run(next(folder.glob("*.wandb")))


def test_epochs_are_in_the_file_before_the_sweep_ends(sweep: Sweep, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(live, "MOST_STAGES", 2)
    train, _, finetune, hardened, _ = make_stages()
    writer, folder = Writer(WandbFolder(sweep.store), "robust"), WandbFolder(sweep.store)
    run = LiveRun(writer, sweep.store)
    run.finish()
    assert run.key is None, "a launch that trains nothing has none"
    for stage, number in ((train, 0), (train, 1), (hardened, 0), (finetune, 0)):
        run.log(make_epoch(stage, number))
    assert run.key is not None
    key = run.key
    assert wait_until(lambda: len(read_live_run(sweep, key).history) == 3), "two stages have curves"
    assert key not in folder.written()
    run.finish()
    writer.close()
    assert folder.written()[-1] == key
    found = read_live_run(sweep, key)
    assert (found.job_type, found.group, found.exit_code) == ("live", sweep.store.sweep_id, 0)
    curve, name = f"train  s0 {train.key[:6]}", f"adversarial_finetune lambda 0_5, ifgsm 8_255 s0 {hardened.key[:6]}"
    assert [entry.get(f"{curve}/train_loss") for entry in found.history] == [0.5, 0.25, None]
    assert found.history[2][f"{name}/epoch"] == 0
    assert not any("validation" in metric for entry in found.history for metric in entry)
    assert found.axes[f"{curve}/*"] == f"{curve}/epoch"


def test_a_server_has_the_curves_while_the_run_is_being_written(sweep: Sweep, stub: Stub) -> None:
    folder = WandbFolder(sweep.store)
    writer, stage = Writer(folder, "robust"), make_stages()[0]
    run = LiveRun(writer, sweep.store)
    run.log(make_epoch(stage, 0))
    assert run.key is not None
    key = run.key
    identity = run_id(sweep.store.sweep_id, key)
    assert wait_until(lambda: bool(read_live_run(sweep, key).history))
    assert Sender(folder).send(60, unfinished=key).error is None
    assert [row["_step"] for row in stub.history(identity)] == [0]
    assert key not in folder.sent()
    run.log(make_epoch(stage, 1))
    run.finish()
    writer.close()
    assert Sender(folder).send(60).error is None
    assert [row["_step"] for row in stub.history(identity)] == [0, 1], "sent again it replaces itself"
    assert key in folder.sent()
