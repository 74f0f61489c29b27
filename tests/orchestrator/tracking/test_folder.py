"""What is known of W&B runs: written, sent, and where."""

from __future__ import annotations

import pytest

from orchestrator.store.sweep_store import SweepStore
from orchestrator.tracking.folder import WandbFolder, check_project, run_id
from tasks.errors import UsageError
from tasks.storage.storage import open_storage


def test_a_run_has_one_id_in_every_launch_and_another_in_every_sweep() -> None:
    assert run_id("a-1", "t") == run_id("a-1", "t")
    assert len({run_id("a-1", "t"), run_id("a-1", "u"), run_id("b-1", "t")}) == 3


def test_runs_are_written_once_and_sent_once(tmp_path: object) -> None:
    folder = WandbFolder(SweepStore(open_storage(str(tmp_path)), "a-1"))
    assert (folder.written(), folder.sent(), folder.place()) == ([], set(), {})
    for key in ("t", "u", "t"):
        folder.add_written(key)
    folder.add_sent(["u"])
    assert (folder.written(), folder.unsent()) == (["t", "u"], ["t"])
    assert folder.sendable() == [], "its files are not on this machine"
    (folder.path / "wandb" / f"offline-run-1-{run_id('a-1', 't')}").mkdir(parents=True)
    assert folder.sendable() == ["t"]
    folder.remember_place("robust")
    folder.remember_place("robust")
    assert (folder.place()["project"], len(folder.place()["places"])) == ("robust", 1)


@pytest.mark.parametrize("name", ["", "a/b", "x" * 129])
def test_a_project_that_wandb_refuses_is_refused(name: str) -> None:
    with pytest.raises(UsageError, match="--project"):
        check_project(name)
