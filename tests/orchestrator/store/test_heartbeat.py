"""Signs of life that cannot be read, and that cannot be written."""

from __future__ import annotations

from pathlib import Path

from orchestrator.store import heartbeat
from orchestrator.store.heartbeat import Heartbeat
from orchestrator.store.sweep_store import SweepStore
from tasks import paths
from tests.support.driver_signs import published_facts


def test_a_broken_sign_of_life_is_no_sign(sweep: SweepStore) -> None:
    sweep.storage.write(sweep.path(paths.DRIVERS, "broken.json"), b'{"beat": ')
    assert heartbeat.read_beats(sweep) == []


def test_a_storage_that_cannot_be_written_is_said_once(sweep: SweepStore, tmp_path: Path) -> None:
    said: list[Exception] = []
    (tmp_path / "storage" / "sweeps" / sweep.sweep_id / "drivers").rmdir()
    (tmp_path / "storage" / "sweeps" / sweep.sweep_id / "drivers").write_text("a file")
    driver = Heartbeat(sweep, published_facts, said.append)
    driver._beat(heartbeat.RUNNING)
    driver.end("interrupted")
    assert len(said) == 1


def test_once_it_has_begun_others_see_it(sweep: SweepStore) -> None:
    driver = Heartbeat(sweep, published_facts, print)
    driver.start()
    ((_, content, _),) = heartbeat.read_beats(sweep)
    driver.end("finished")
    assert content["state"] == heartbeat.RUNNING
