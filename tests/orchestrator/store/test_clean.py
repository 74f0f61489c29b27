"""What no sweep refers to, and its removal."""

from __future__ import annotations

import os
import time
from pathlib import Path

import pytest

from orchestrator.store import heartbeat
from orchestrator.store.clean import ABANDONED_AFTER, find_leftovers, remove, remove_again_unreferenced
from orchestrator.store.heartbeat import Heartbeat
from orchestrator.store.sweep_store import SweepStore
from tasks import paths
from tasks.errors import UsageError
from tasks.storage.storage import Storage, open_storage
from tests.support.driver_signs import aged, beating, published_facts
from tests.support.finished_sweep import finish

STRAY = "f" * 64
ASIDE = f"{STRAY}-20260101T000000-ab12"
HOUR = 3600.0


def found(storage: Storage, *forgotten: str) -> dict[str, str]:
    return {leftover.name: leftover.reason for leftover in find_leftovers(storage, forgotten)}


def test_only_what_no_sweep_refers_to_may_go(space_file: Path, tmp_path: Path) -> None:
    _, sweep = finish(space_file, tmp_path, ("adversarial_finetune=null", "prune=null"))
    storage = open_storage(tmp_path)
    assert found(storage) == {}
    key = storage.list_names("stages")[0]
    storage.write(f"stages/{STRAY}/stage.json", b"{}")
    storage.write(f"checkpoints/{key}.safetensors", b"finished long ago")
    storage.write(f"corrupt/{ASIDE}/model.safetensors", b"")
    young, old = (paths.make_temporary_name(STRAY, unique) for unique in ("a1b2c3d4", "d4c3b2a1"))
    for draft in (young, old):
        storage.write(f"stages/{draft}/model.safetensors", b"")
    os.utime(tmp_path / "stages" / old, (time.time() - ABANDONED_AFTER - 60,) * 2)
    assert found(storage) == {
        f"stages/{STRAY}": "stage of no sweep",
        f"checkpoints/{key}.safetensors": "checkpoint of no unfinished stage",
        f"corrupt/{ASIDE}": "set aside as corrupt",
        f"stages/{old}": "half-written",
    }
    remove(storage, find_leftovers(storage), lambda: None)
    assert found(storage) == {}
    assert set(storage.list_names("stages")) == SweepStore(storage, sweep.sweep_id).plan()["stages"].keys()
    gone = found(storage, sweep.sweep_id)
    assert gone.pop(f"sweeps/{sweep.sweep_id}") == "forgotten sweep"
    assert set(gone.values()) == {"stage of no sweep"}
    assert len(gone) == 3


def test_what_is_half_written_belongs_to_somebody_for_a_day(tmp_path: Path) -> None:
    storage = open_storage(tmp_path)
    young, old = (paths.make_temporary_name(STRAY, unique) for unique in ("a1b2c3d4", "d4c3b2a1"))
    for draft, hours in ((young, 23), (old, 25)):
        storage.write(f"stages/{draft}/model.safetensors", b"")
        os.utime(tmp_path / "stages" / draft, (time.time() - hours * HOUR,) * 2)
    assert found(storage) == {f"stages/{old}": "half-written"}


def test_the_checkpoint_of_a_stage_that_is_still_to_be_finished_stays(space_file: Path, tmp_path: Path) -> None:
    _, sweep = finish(space_file, tmp_path, FEW)
    storage = sweep.storage
    key = next(key for key, stage in sweep.plan()["stages"].items() if stage["kind"] == "train")
    storage.remove(f"stages/{key}")
    for name in (key, STRAY):
        storage.write(f"checkpoints/{name}.safetensors", b"half trained")
    assert found(storage) == {f"checkpoints/{STRAY}.safetensors": "checkpoint of no unfinished stage"}


FOREIGN = (
    "checkpoints/best.pt", "checkpoints/last.safetensors", "checkpoints/.git/config", f"checkpoints/{STRAY}.pt",
    "corrupt/list.txt", "stages/raw/notes.txt", f"stages/{STRAY}.txt", f"stages/.{STRAY}/notes.txt",
    "sweeps/notes/a.txt", "sweeps/list.txt",
)  # fmt: skip


def test_files_of_somebody_else_in_folders_of_the_same_names_stay(space_file: Path, tmp_path: Path) -> None:
    _, sweep = finish(space_file, tmp_path, ("adversarial_finetune=null", "prune=null"))
    for name in FOREIGN:
        file = tmp_path / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text("precious")
        for place in (file, file.parent):
            os.utime(place, (time.time() - ABANDONED_AFTER - 60,) * 2)
    storage = open_storage(tmp_path)
    assert found(storage) == {}
    remove_again_unreferenced(storage, find_leftovers(storage, [sweep.sweep_id]), [sweep.sweep_id], print)
    assert not storage.exists(sweep.path())
    assert {name for name in FOREIGN if (tmp_path / name).read_text() == "precious"} == set(FOREIGN)


FEW = ("adversarial_finetune=null", "prune=null")


def test_nothing_more_is_removed_by_whoever_may_not(tmp_path: Path) -> None:
    storage = open_storage(tmp_path)
    names = [f"{STRAY}-{letter}" for letter in "ab"]
    for name in names:
        storage.write(f"corrupt/{name}/model.safetensors", b"")
    asked: list[None] = []

    def check() -> None:
        asked.append(None)
        if len(asked) == 2:
            raise UsageError("stood still")

    with pytest.raises(UsageError, match="stood still"):
        remove(storage, find_leftovers(storage), check)
    assert storage.list_names("corrupt") == names[1:]


@pytest.mark.parametrize("jump", [0, HOUR, -HOUR])
def test_a_sweep_that_runs_is_not_forgotten_whatever_the_clocks_say(
    space_file: Path, tmp_path: Path, jump: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(heartbeat, "BEAT", 0.3)
    _, sweep = finish(space_file, tmp_path / "storage", FEW)
    driver = Heartbeat(sweep, published_facts, print)
    driver.start()
    monkeypatch.setattr(time, "time", lambda before=time.time: before() + jump)
    try:
        with pytest.raises(UsageError, match=rf"{sweep.sweep_id} runs \(.* pid .*\): nothing is removed"):
            find_leftovers(sweep.storage, [sweep.sweep_id])
    finally:
        driver.end("finished")
    assert find_leftovers(sweep.storage, [sweep.sweep_id]), "it has ended"


@pytest.mark.parametrize("jump", [HOUR, -HOUR])
def test_a_sweep_whose_driver_was_killed_is_forgotten_whatever_the_clocks_say(
    space_file: Path, tmp_path: Path, jump: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(heartbeat, "WATCHED", 0.3)
    _, sweep = finish(space_file, tmp_path / "storage", FEW)
    beating(sweep)
    aged(tmp_path, jump)
    began = time.monotonic()
    assert find_leftovers(sweep.storage, [sweep.sweep_id])
    assert time.monotonic() - began > 0.3, "a process of its number is there: it was watched"


def test_what_a_sweep_refers_to_since_it_was_shown_stays(space_file: Path, tmp_path: Path) -> None:
    _, sweep = finish(space_file, tmp_path / "storage", FEW)
    plan = sweep.storage.read(sweep.path("plan.json"))
    sweep.storage.remove(sweep.path())
    sweep.storage.write(f"stages/{STRAY}/stage.json", b"{}")
    shown = find_leftovers(sweep.storage)
    assert len(shown) == 4
    sweep.storage.write(sweep.path("plan.json"), plan)  # while somebody is asked, a launch begins that reuses them
    assert [item.name for item in remove_again_unreferenced(sweep.storage, shown, (), print)] == [f"stages/{STRAY}"]
    assert set(sweep.storage.list_names("stages")) == sweep.plan()["stages"].keys()


@pytest.mark.parametrize("content", [b"", b"{}", None])
def test_stages_stay_where_nobody_can_say_which_a_sweep_refers_to(
    space_file: Path, tmp_path: Path, content: bytes | None
) -> None:
    _, sweep = finish(space_file, tmp_path / "storage", FEW)
    sweep.storage.remove(sweep.path("plan.json"))
    if content is not None:
        sweep.storage.write(sweep.path("plan.json"), content)
    with pytest.raises(UsageError, match=f"nothing is removed; --forget {sweep.sweep_id} removes it too"):
        find_leftovers(sweep.storage)
    assert len(find_leftovers(sweep.storage, [sweep.sweep_id])) == 4
