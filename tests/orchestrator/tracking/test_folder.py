"""What is known of W&B runs: written, sent, and where; and links there, through which nothing outside is touched."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from orchestrator.store.sweep_store import SweepStore
from orchestrator.tracking.commands import sync
from orchestrator.tracking.folder import WandbFolder, check_project, run_id
from tasks.errors import UsageError
from tasks.storage.storage import open_storage
from tests.support.wandb_stub import Stub
from tests.support.wandb_sweep import Sweep


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
    later = folder.path / "wandb" / f"offline-run-2-{run_id('a-1', 't')}"
    later.mkdir()
    assert folder.run_folder("t") == later, "of two launches, what the last one wrote"
    folder.remember_place("robust")
    folder.remember_place("robust")
    assert (folder.place()["project"], len(folder.place()["places"])) == ("robust", 1)


@pytest.mark.parametrize("name", ["", "x" * 129, *(f"a{letter}b" for letter in "/\\#?%:")])
def test_a_project_that_wandb_refuses_is_refused(name: str) -> None:
    with pytest.raises(UsageError, match=r"^--project '.*': 1 to 128 characters without any of / "):
        check_project(name)
    check_project("x" * 128)


PLACES = ["", "wandb", "wandb/logs", "wandb/debug.log", "data", "data/wandb", "cache", "cache/wandb", "artifacts",
          "writing.lock", "sending.lock", "written.txt", "sent.txt"]  # fmt: skip


@pytest.fixture
def outside(tmp_path: Path) -> Path:
    """A folder of somebody else, with one file."""
    (tmp_path / "outside").mkdir()
    (tmp_path / "outside" / "file").write_text("precious")
    return tmp_path / "outside"


def plant(place: Path, target: Path) -> None:
    """Put a link in place of what is there."""
    if place.is_dir() and not place.is_symlink():
        shutil.rmtree(place)
    place.unlink(missing_ok=True)
    place.parent.mkdir(parents=True, exist_ok=True)
    place.symlink_to(target)


def list_outside(outside: Path) -> dict[str, bytes]:
    found = {str(file): file.read_bytes() for file in outside.rglob("*") if file.is_file()}
    return found | {str(folder): b"" for folder in outside.rglob("*") if folder.is_dir()}


def list_links() -> list[Any]:
    """Every place with every target; the quick tests try each place with one that fits it."""
    cases = []
    for place in PLACES:
        fitting = "new" if place.endswith((".txt", ".lock", ".log")) else "folder"
        for target in ("folder", "file", "new"):
            cases.append(pytest.param(place, target, marks=[] if target == fitting else [pytest.mark.slow]))
    return cases


@pytest.mark.parametrize(("place", "target"), list_links())
def test_nothing_is_written_through_a_link(sweep: Sweep, stub: Stub, outside: Path, place: str, target: str) -> None:
    plant(
        WandbFolder(sweep.store).path / place,
        {"folder": outside, "file": outside / "file"}.get(target, outside / "new"),
    )
    before, files = list_outside(outside), sweep.files()
    code, shown = sweep.launch("online")
    assert code == 0, "W&B may not end a sweep"
    assert list_outside(outside) == before
    assert shown.count("is a link that leads out of the storage; no run is written or sent") <= 1
    with pytest.raises(UsageError):
        sync(sweep.store, 5, print)
    assert list_outside(outside) == before
    assert sweep.files() == files
    assert not stub.runs


def test_a_run_with_a_link_is_not_sent(sweep: Sweep, stub: Stub, outside: Path) -> None:
    """Its upload would read, and its mark that it is sent would write, what the link leads to."""
    folder = next(WandbFolder(sweep.store).path.glob("wandb/offline-run-*"))
    plants: list[Callable[[], None]] = [
        lambda: plant(folder / "files" / "media", outside),
        lambda: plant(folder / f"{next(folder.glob('*.wandb')).name}.synced", outside / "new"),
    ]
    before = list_outside(outside)
    for planting in plants:
        planting()
        with pytest.raises(UsageError, match="is a link that leads out of the storage"):
            sync(sweep.store, 5, print)
    assert list_outside(outside) == before
    assert not stub.runs


@pytest.mark.slow
def test_the_links_that_wandb_makes_itself_are_no_obstacle(sweep: Sweep, stub: Stub, outside: Path) -> None:
    """One to its latest run, and in the logs of a run one to the log of its service, which it does not touch again."""
    folder = WandbFolder(sweep.store).path
    assert [path for path in folder.rglob("*") if path.is_symlink()]
    for run in folder.glob("wandb/offline-run-*"):
        plant(run / "logs" / "debug-core.log", outside / "file")
    before = list_outside(outside)
    assert sync(sweep.store, 30, print)
    assert stub.runs.keys() >= sweep.ids()
    assert list_outside(outside) == before
    assert not any(b"precious" in content for content in stub.files.values())


@pytest.mark.parametrize("content", [b"{}", b"[]", b"null", b"", b'{"project": 1, "url": 2}', b"\xff", None])
@pytest.mark.parametrize("name", ["wandb.json", "report.json"])
def test_what_is_known_of_the_runs_is_named_where_it_cannot_be_read(
    tmp_path: Path, name: str, content: bytes | None, caplog: pytest.LogCaptureFixture
) -> None:
    folder = WandbFolder(SweepStore(open_storage(tmp_path), "a-1"))
    folder.path.mkdir(parents=True, exist_ok=True)
    (folder.path / name).mkdir() if content is None else (folder.path / name).write_bytes(content)
    assert (folder.place() if name == "wandb.json" else folder.report()) == {}
    (note,) = caplog.messages
    assert name in note
    assert note.endswith("; passed over")
