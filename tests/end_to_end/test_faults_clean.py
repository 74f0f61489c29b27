"""`clean` and launches at the same time, as real processes: what a launch counts on stays."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
from collections.abc import Sequence
from pathlib import Path

import pytest

from tests.support.finished_sweep import finish
from tests.support.harness import LIMIT, ONE, advsweep, artifacts, ended, rows, spawn, wait_until

pytestmark = [pytest.mark.cluster, pytest.mark.fault, pytest.mark.slow]
FEW = ("adversarial_finetune=null", "prune=null")
ASKED, BEGUN, WAITS = "entries,", " reused", "waiting for a launch that begins in this storage"


class Talker:
    """A command that runs, what it has said, and what it is told."""

    def __init__(self, folder: Path, *command: str | Path) -> None:
        self._said = folder / f"{command[0]}.txt"
        with self._said.open("wb") as stream:
            self.process = spawn(command, stdin=subprocess.PIPE, stdout=stream, stderr=subprocess.STDOUT)

    def wait_for(self, text: str) -> None:
        """Wait until it has said this."""
        assert wait_until(lambda: text in self._said.read_text() or self.process.poll() is not None)
        assert text in self._said.read_text()

    def end(self, answer: str = "") -> str:
        """Let it end well, and return what it has said."""
        self.process.communicate(answer.encode(), timeout=LIMIT)
        assert self.process.returncode == 0, self._said.read_text()
        return self._said.read_text()


@pytest.fixture
def unclaimed(space_file: Path, tmp_path: Path) -> tuple[Path, list[str | Path]]:
    """A storage whose stages no sweep refers to, and the launch that would use them again."""
    storage = tmp_path / "storage"
    finish(space_file, storage, FEW)
    shutil.rmtree(storage / "sweeps")
    (storage / ".advsweep").touch()
    return storage, ["launch", "--space", space_file, "--storage", storage, "--wandb", "disabled", *ONE, *override(FEW)]


def override(settings: Sequence[str]) -> list[str]:
    return [part for setting in settings for part in ("--set", setting)]


def test_what_a_launch_uses_while_clean_asks_stays(unclaimed: tuple[Path, list[str | Path]], tmp_path: Path) -> None:
    storage, command = unclaimed
    before = artifacts(storage)
    cleaner = Talker(tmp_path, "clean", "--storage", storage)
    cleaner.wait_for(ASKED)
    advsweep(*command)
    assert "removed 0 entries, 0 bytes; 3 are in use since they were shown, and stay" in cleaner.end("y\n")
    assert artifacts(storage) == before
    assert not ended(storage), "every stage was reused"
    assert [row["status"] for row in rows(storage)] == ["finished"] * 2


def test_clean_waits_for_a_launch_that_has_looked_and_not_yet_said_what_it_uses(
    unclaimed: tuple[Path, list[str | Path]], tmp_path: Path
) -> None:
    storage, command = unclaimed
    missing = next(storage.glob("stages/*/examples.parquet")).parent  # or it would need no Ray, and go on at once
    shutil.rmtree(missing)
    before = artifacts(storage)
    launch = Talker(tmp_path, *command)
    launch.wait_for(BEGUN)  # it has looked at the stages, and starts its Ray
    os.kill(launch.process.pid, signal.SIGSTOP)
    try:
        assert not list(storage.glob("sweeps/*/plan.json")), "the launch was stopped too late to see anything"
        cleaner = Talker(tmp_path, "clean", "--storage", storage, "--yes")
        cleaner.wait_for(WAITS)
        assert artifacts(storage) == before
    finally:
        os.kill(launch.process.pid, signal.SIGCONT)
    assert "removed 0 entries" in cleaner.end()
    assert "2 trials, 2 finished, 0 failed" in launch.end()
    assert artifacts(storage).items() >= before.items()
    assert ended(storage) == {missing.name: 1}, "every other stage was reused"


def test_a_sweep_that_runs_is_not_forgotten(unclaimed: tuple[Path, list[str | Path]], tmp_path: Path) -> None:
    storage, command = unclaimed
    shutil.rmtree(storage / "stages")
    launch = Talker(tmp_path, *command)
    assert wait_until(lambda: bool(list(storage.glob("sweeps/*/drivers/*.json"))) or launch.process.poll() is not None)
    sweep = next(storage.glob("sweeps/*")).name
    refused = advsweep("clean", "--storage", storage, "--forget", sweep, "--yes", code=2)
    assert f"{sweep} runs (" in refused.stderr
    assert "2 trials, 2 finished, 0 failed" in launch.end()
    assert set(ended(storage).values()) == {1}
