"""A finished sweep whose W&B runs are written and not sent, and a server that this process knows."""

from __future__ import annotations

import io
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from rich.console import Console

from orchestrator.launch import launch
from orchestrator.options import LaunchOptions, WandbMode
from orchestrator.store.sweep_store import SweepStore
from orchestrator.tracking.folder import run_id
from tasks.storage.storage import open_storage
from tests.conftest import SMALL_SPACE
from tests.support.finished_sweep import finish
from tests.support.wandb_files import Run, read_run
from tests.support.wandb_stub import Stub

TRIALS = 3


GRID = ("adversarial_finetune=null", "prune=null", "attack.eps={grid_search: [4/255, 16/255, 32/255]}",
        "attack.steps=2")  # fmt: skip
"""Three trials with a security curve, on one model."""


@dataclass(frozen=True)
class Sweep:
    """A finished sweep in a storage of its own."""

    space: Path
    storage: Path

    def launch(self, mode: WandbMode, runs: int = 1000) -> tuple[int, str]:
        """The same command again: exit code and output."""
        shown = io.StringIO()
        options = LaunchOptions(
            str(self.space), overrides=GRID, storage=str(self.storage), wandb=mode, project="robust", wandb_runs=runs
        )
        return launch(options, Console(file=shown, width=400)), shown.getvalue()

    @property
    def store(self) -> SweepStore:
        return SweepStore(open_storage(self.storage), next(self.storage.glob("sweeps/*")).name)

    def files(self) -> dict[str, bytes]:
        """Rows and artifacts, as bytes."""
        found = [*self.storage.glob("stages/*/*"), *self.storage.glob("sweeps/*/trials/*")]
        return {str(file.relative_to(self.storage)): file.read_bytes() for file in found}

    def runs(self) -> list[Run]:
        return [read_run(file) for file in sorted(self.storage.glob("sweeps/*/wandb/wandb/offline-run-*/*.wandb"))]

    def ids(self) -> set[str]:
        """The ids that the runs of the trials must have."""
        return {run_id(self.store.sweep_id, row["trial_id"]) for row in self.store.rows()}


@pytest.fixture(scope="session")
def written(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sweep]:
    """A finished sweep whose W&B runs are written and not sent."""
    folder = tmp_path_factory.mktemp("wandb")
    (folder / "small.yaml").write_text(SMALL_SPACE)
    finish(folder / "small.yaml", folder / "storage", GRID)
    sweep = Sweep(folder / "small.yaml", folder / "storage")
    before = sweep.files()
    assert sweep.launch("disabled")[0] == 0
    assert not list(sweep.storage.glob("sweeps/*/wandb"))
    assert sweep.launch("offline") == (
        0,
        f"{sweep.store.sweep_id}: {TRIALS} trials, {TRIALS} finished, nothing to do\n",
    )
    assert sweep.files() == before
    yield sweep
    shutil.rmtree(folder)


@pytest.fixture
def sweep(written: Sweep, tmp_path: Path) -> Sweep:
    """A copy of it."""
    shutil.copytree(written.storage, tmp_path / "storage", symlinks=True, copy_function=shutil.copyfile)
    return Sweep(written.space, tmp_path / "storage")


@pytest.fixture
def stub(monkeypatch: pytest.MonkeyPatch) -> Iterator[Stub]:
    """A server that this process knows, with a key."""
    with Stub() as found:
        for name, value in found.environment.items():
            monkeypatch.setenv(name, value)
        yield found
