"""A storm of kills on real sweeps: nothing finished is lost, nothing runs twice, the result is the same to the bit.

The suite blows a short one. A long one: `STORM_KILLS=200 STORM_SEED=1 pytest -s tests/end_to_end/test_faults_kills.py`.
"""

from __future__ import annotations

import itertools
import os
import random
import shutil
import tempfile
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.clusters import alive
from tests.support.disturbed import SPACE, undisturbed_sweep
from tests.support.harness import advsweep, artifacts, nothing_ran_after_it_was_finished, same, wait_until
from tests.support.storm import COSTLY, Storm, blow
from tests.support.wandb_stub import Stub

KILLS = int(os.environ.get("STORM_KILLS", "10"))
PART = ("seed=0", "dataset.train_examples=400", "train.epochs=4", "finetune.epochs=2")
"""Four trials, whose stages take a while."""
SMALLER = [word for override in PART for word in ("--set", override)]
SEED = int(os.environ.get("STORM_SEED", "2026"))

pytestmark = [pytest.mark.cluster, pytest.mark.fault, pytest.mark.slow, pytest.mark.timeout(600 + 40 * KILLS)]


@pytest.fixture
def temporary(monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """Where every process of the storm keeps temporary files; a name short enough for Ray's sockets."""
    folder = Path(tempfile.mkdtemp(prefix="st-", dir="/tmp"))
    monkeypatch.setenv("TMPDIR", str(folder))
    yield folder
    shutil.rmtree(folder)


def test_a_storm_that_spares_nobody_changes_nothing(tmp_path: Path, temporary: Path, stub: Stub) -> None:  # noqa: ARG001
    space, reference = undisturbed_sweep("killed", SPACE, PART)
    chance, killed, launches = random.Random(SEED), Counter[str](), 0
    for storms in itertools.count():
        if killed.total() >= KILLS:
            break
        storage = tmp_path / f"storage-{launches}"
        if storms % 2:  # nothing is left but rows and W&B: whoever writes and sends them is met too
            shutil.copytree(reference / "stages", storage / "stages")
        command: list[str | Path] = ["launch", "--space", space, "--storage", storage, "--max-preemptions", "1000"]
        command += ["--wandb", "online", *SMALLER]
        storm = blow(command, storage, KILLS, chance, temporary, killed)
        launches += storm.launches
        check_aftermath(command, storage, reference, storm, temporary)
        print(f"{killed.total()} kills in {launches} launches: {dict(sorted(killed.items()))}", flush=True)  # noqa: T201
    assert len(killed.keys() & COSTLY) >= min(4, KILLS // 5), killed


def check_aftermath(command: list[str | Path], storage: Path, reference: Path, storm: Storm, temporary: Path) -> None:
    """The same command finishes, and all is as if nothing had happened."""
    assert "4 trials, 4 finished" in advsweep(*command).stdout
    nothing_ran_after_it_was_finished(storage)
    same(storage, reference)
    assert artifacts(storage).keys() == artifacts(reference).keys()
    assert not list(storage.glob("checkpoints/*"))
    assert wait_until(lambda: not alive(storm.seen)), storm.killed
    left = [str(path.relative_to(temporary)) for path in temporary.rglob("*")]
    assert not left, storm.killed
