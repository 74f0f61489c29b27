"""Disks that fill up at any moment: one line that names the place, nothing lost, and the same command goes on."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

import pytest
import yaml

from tasks.__main__ import main
from tests.conftest import CONFIG
from tests.support.command_line import run_here
from tests.support.harness import artifacts
from tests.support.small_disks import mount_small_disk

pytestmark = pytest.mark.slow

LEVELS = 10
ENOUGH = 100_000_000
PAGE = 4096


@pytest.fixture(scope="module")
def config(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A trial of five stages, with as few images as they take."""
    whole: dict[str, Any] = CONFIG
    few = {"dataset": {**whole["dataset"], "train_examples": 50}, "attack": {**whole["attack"], "examples": 20}}
    file = tmp_path_factory.mktemp("config") / "trial.yaml"
    file.write_text(yaml.safe_dump({**whole, **few}))
    return file


@pytest.fixture(scope="module")
def undisturbed(config: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The storage of that trial, on a disk with room."""
    storage = tmp_path_factory.mktemp("undisturbed") / "storage"
    assert run_trial(config, storage) == 0
    return storage


def run_trial(config: Path, storage: Path) -> int:
    return main(["--config", str(config), "--storage", str(storage)])


def list_finished(storage: Path) -> dict[str, int]:
    """When each stage was finished."""
    return {file.parent.name: file.stat().st_mtime_ns for file in storage.glob("stages/*/stage.json")}


def list_half_written(folder: Path) -> list[Path]:
    return [path for path in folder.rglob(".*") if path.name != ".advsweep"]


@pytest.mark.parametrize("level", range(LEVELS))
def test_a_full_storage_keeps_what_is_finished_and_is_continued(
    level: int, config: Path, undisturbed: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    files = [path.stat().st_size for path in undisturbed.rglob("*") if path.is_file()]
    needed = sum(-(-size // PAGE) * PAGE for size in files)
    size = 2 * PAGE + level * needed // (LEVELS - 1) - (level == LEVELS - 1) * 8 * PAGE
    with mount_small_disk(tmp_path / "disk", size) as resize:
        storage = tmp_path / "disk" / "storage"
        assert run_trial(config, storage) == 2
        (line,) = capfd.readouterr().err.splitlines()
        assert line.startswith(f"error: {storage}/")
        assert line.endswith(": No space left on device")
        assert list_half_written(storage) == []
        before = list_finished(storage)
        resize(ENOUGH)
        assert run_trial(config, storage) == 0
        after = list_finished(storage)
        assert {key: after[key] for key in before} == before, "what was finished did not run again"
        assert artifacts(storage) == artifacts(undisturbed)


def test_the_levels_are_of_every_kind(undisturbed: Path) -> None:
    """The chain has five stages, so that ten levels end within and between them."""
    assert len(list_finished(undisturbed)) == 5


@pytest.mark.parametrize("size", [PAGE, 10 * PAGE])
def test_a_full_disk_of_temporary_files_is_told_from_a_full_storage(
    size: int,
    config: Path,
    undisturbed: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
) -> None:
    with mount_small_disk(tmp_path / "disk", size) as resize:
        monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "disk"))
        assert run_trial(config, tmp_path / "storage") == 2
        (line,) = capfd.readouterr().err.splitlines()
        assert line.startswith(f"error: {tmp_path}/disk/")
        assert line.endswith(": No space left on device")
        assert list((tmp_path / "disk").iterdir()) == []
        resize(ENOUGH)
        assert run_trial(config, tmp_path / "storage") == 0
        assert artifacts(tmp_path / "storage") == artifacts(undisturbed)


def test_a_launch_without_room_for_temporary_files_is_refused_at_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with mount_small_disk(tmp_path / "disk", 1_000_000):
        monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "disk"))
        ended = run_here("launch", "--space", "smoke", "--storage", tmp_path / "storage", "--wandb", "disabled")
    assert (ended.code, ended.stdout) == (2, "")
    assert ended.stderr.startswith(f"error: {tmp_path}/disk, for temporary files, has ")
    assert len(ended.stderr.splitlines()) == 1
    assert not (tmp_path / "storage").exists()
