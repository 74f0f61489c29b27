"""A stage that a colleague's umask has closed, as an ordinary user meets it on a shared disk: root may read all."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from orchestrator.store.sweep_store import SweepStore
from tests.support.checkout import ROOT
from tests.support.command_line import Ended
from tests.support.finished_sweep import finish
from tests.support.lent_vega import lend_vega

pytestmark = pytest.mark.slow

FEW = ("adversarial_finetune=null", "prune=null")
"""Two trials that share a model."""
ORDINARY = ["setpriv", "--bounding-set=-dac_override,-dac_read_search", "--"]
"""Starts a command without root's right to read and write what is closed."""
STRAY, CLOSED_STRAY = "e" * 64, "f" * 64
RUN = """
import json, sys
from dataclasses import asdict
from tasks.storage.documents import warn_once
from tests.support.command_line import run_here
found = []
for command in json.loads(sys.argv[1]):
    warn_once.cache_clear()
    found.append(asdict(run_here(*command)))
print(json.dumps(found))
"""


@dataclass(frozen=True)
class Shared:
    """A finished sweep on a disk that an ordinary user shares."""

    folder: Path
    space: Path
    sweep: SweepStore
    user: list[str]
    """What stands before a command that an ordinary user runs."""

    @property
    def storage(self) -> Path:
        return self.folder / "storage"

    def find_stage(self, kind: str) -> Path:
        keys = [str(key) for key, stage in self.sweep.plan()["stages"].items() if stage["kind"] == kind]
        return self.storage / "stages" / keys[0]

    def run(self, *commands: list[str]) -> list[Ended]:
        """Run commands one after another in a process of the ordinary user."""
        command = [*self.user, sys.executable, "-c", RUN, json.dumps(commands)]
        environment = {**os.environ, "PYTHONPATH": str(ROOT)}
        lend_vega(environment)
        ended = subprocess.run(command, capture_output=True, text=True, cwd=self.folder, env=environment, check=False)
        assert ended.returncode == 0, ended.stderr
        return [Ended(**found) for found in json.loads(ended.stdout.splitlines()[-1])]


@pytest.fixture
def shared(space_file: Path, tmp_path: Path) -> Iterator[Shared]:
    user = ORDINARY if os.geteuid() == 0 else []
    if user and (shutil.which(user[0]) is None or subprocess.run([*user, "true"], check=False).returncode):
        pytest.skip("root cannot act as an ordinary user here: that takes setpriv and CAP_SETPCAP")
    _, sweep = finish(space_file, tmp_path / "storage", FEW)
    (tmp_path / "storage" / ".advsweep").touch()
    yield Shared(tmp_path, space_file, sweep, user)
    for path in tmp_path.glob("storage/stages/*"):
        path.chmod(0o700)


@pytest.mark.parametrize("kind", ["train", "attack"])
def test_every_command_names_a_closed_stage_in_one_line_and_goes_on(kind: str, shared: Shared) -> None:
    stage = shared.find_stage(kind)
    stage.chmod(0o000)
    space = ["--space", str(shared.space), *(part for setting in FEW for part in ("--set", setting))]
    where = ["--storage", str(shared.storage)]
    commands = {
        "launch --dry-run": ["launch", "--dry-run", *space, *where],
        "plan": ["plan", *space, *where],
        "report": ["report", shared.sweep.sweep_id, *where],
        "status": ["status", *where],
        "results": ["results", shared.sweep.sweep_id, *where],
        "results --sql": ["results", shared.sweep.sweep_id, "--sql", "select count(*) from examples", *where],
        "clean": ["clean", *where],
    }
    ended = dict(zip(commands, shared.run(*commands.values()), strict=True))
    for name, found in ended.items():
        assert found.code == 0, (name, found)
        assert not found.shows_defect, name
        assert found.stderr.count(stage.name) <= 1, (name, found.stderr)
    for name in ("launch --dry-run", "plan", "report"):
        assert f"{stage}" in ended[name].stderr, name
        assert "Permission denied" in ended[name].stderr, name
    assert "nothing to remove" in ended["clean"].stdout


def test_clean_removes_what_it_may_and_names_what_it_may_not(shared: Shared) -> None:
    for name in (CLOSED_STRAY, STRAY):
        (shared.storage / "stages" / name).mkdir()
        (shared.storage / "stages" / name / "stage.json").write_text("{}")
    (shared.storage / "stages" / CLOSED_STRAY).chmod(0o000)
    before = len(list((shared.storage / "stages").iterdir()))
    (ended,) = shared.run(["clean", "--storage", str(shared.storage), "--yes"])
    assert not ended.shows_defect
    assert len([line for line in ended.stderr.splitlines() if CLOSED_STRAY in line]) == 1
    assert "Permission denied" in ended.stderr
    assert not (shared.storage / "stages" / STRAY).exists()
    assert len(list((shared.storage / "stages").iterdir())) == before - 1
