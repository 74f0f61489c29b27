"""Many kills of one real sweep: nothing finished is lost, nothing runs twice, the result is the same to the bit."""

from __future__ import annotations

import random
import time
from pathlib import Path

import pytest

from tests.support.disturbed import cluster_of, undisturbed_sweep, workers_of
from tests.support.harness import (
    advsweep,
    artifacts,
    ended,
    executions,
    kill,
    nothing_ran_after_it_was_finished,
    same,
    start,
    wait_until,
)

pytestmark = [pytest.mark.cluster, pytest.mark.fault, pytest.mark.slow, pytest.mark.timeout(900)]

KILLS = 20
SEED = 2026


def test_kills_at_random_moments_change_nothing(tmp_path: Path) -> None:
    (tmp_path / "undisturbed").mkdir()
    space, reference = undisturbed_sweep(tmp_path / "undisturbed")
    storage = tmp_path / "storage"
    command: list[str | Path] = ["launch", "--space", space, "--storage", storage, "--wandb", "disabled"]
    chance = random.Random(SEED)
    kills = {"worker": 0, "driver": 0, "cluster": 0}
    launches = 0
    while sum(kills.values()) < KILLS and launches < KILLS:
        launches += 1
        before = len(executions(storage))
        driver = start(*command)
        assert wait_until(lambda: len(executions(storage)) > before or driver.poll() is not None)  # noqa: B023
        for _ in range(chance.randint(4, 6)):
            time.sleep(chance.uniform(0.1, 1.2))
            if victims := workers_of(driver, storage) if driver.poll() is None else []:
                kill([chance.choice(victims)])
                kills["worker"] += 1
        time.sleep(chance.uniform(0.1, 1.2))
        if driver.poll() is None:
            what = chance.choice(["driver", "cluster"])
            kill(cluster_of(driver) if what == "cluster" else [driver.pid])
            kills[what] += 1
        driver.wait(timeout=30)
        if len(ended(storage)) == len(ended(reference)):
            break  # there is nothing left to kill; the count below says whether it was enough
    shown = advsweep(*command).stdout
    assert "12 trials, 12 finished" in shown
    assert sum(kills.values()) >= KILLS, kills
    assert kills["worker"], kills
    assert kills["driver"] + kills["cluster"], kills
    nothing_ran_after_it_was_finished(storage)
    same(storage, reference)
    assert artifacts(storage).keys() == artifacts(reference).keys()
    assert not list((storage / "checkpoints").iterdir())
