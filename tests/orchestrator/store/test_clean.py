"""What no sweep refers to, and its removal."""

from __future__ import annotations

import os
import time
from pathlib import Path

from orchestrator.store.clean import ABANDONED_AFTER, find_leftovers, remove
from orchestrator.store.sweep_store import SweepStore
from tasks.storage.storage import Storage, open_storage
from tests.support.finished_sweep import finish

STRAY = "f" * 64


def found(storage: Storage, *forgotten: str) -> dict[str, str]:
    return {leftover.name: leftover.reason for leftover in find_leftovers(storage, forgotten)}


def test_only_what_no_sweep_refers_to_may_go(space_file: Path, tmp_path: Path) -> None:
    _, sweep = finish(space_file, tmp_path, ("adversarial_finetune=null", "prune=null"))
    storage = open_storage(tmp_path)
    assert found(storage) == {}
    key = storage.list_names("stages")[0]
    storage.write(f"stages/{STRAY}/stage.json", b"{}")
    storage.write(f"checkpoints/{key}.safetensors", b"finished long ago")
    storage.write("corrupt/x-1/model.safetensors", b"")
    storage.write("stages/.young.tmp/model.safetensors", b"")
    storage.write("stages/.old.tmp/model.safetensors", b"")
    os.utime(tmp_path / "stages" / ".old.tmp", (time.time() - ABANDONED_AFTER - 60,) * 2)
    assert found(storage) == {
        f"stages/{STRAY}": "stage of no sweep",
        f"checkpoints/{key}.safetensors": "checkpoint of no unfinished stage",
        "corrupt/x-1": "set aside as corrupt",
        "stages/.old.tmp": "half-written",
    }
    remove(storage, find_leftovers(storage))
    assert found(storage) == {}
    assert set(storage.list_names("stages")) == SweepStore(storage, sweep.sweep_id).plan()["stages"].keys()
    gone = found(storage, sweep.sweep_id)
    assert gone.pop(f"sweeps/{sweep.sweep_id}") == "forgotten sweep"
    assert set(gone.values()) == {"stage of no sweep"}
    assert len(gone) == 3
