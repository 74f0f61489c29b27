"""Signs of life that cannot be read or written, and clocks that jump."""

from __future__ import annotations

import time
from pathlib import Path

import psutil
import pytest

from orchestrator.store import heartbeat
from orchestrator.store.heartbeat import Heartbeat, Pulse
from orchestrator.store.sweep_store import SweepStore
from tasks import paths
from tests.support.driver_signs import aged, beating, published_facts


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


HOUR = 3600.0


def test_a_driver_that_has_ended_does_not_live_however_lately_it_beat(sweep: SweepStore) -> None:
    driver = beating(sweep)
    (before,) = Pulse().drivers(sweep)
    driver.end("finished")
    (after,) = Pulse().drivers(sweep)
    assert [before.alive, before.certain] == [True, True]
    assert [after.alive, after.certain] == [False, True]


def test_a_beat_from_the_future_is_believed_and_not_acted_upon(sweep: SweepStore, tmp_path: Path) -> None:
    beating(sweep)
    aged(tmp_path, -HOUR)
    (found,) = Pulse().drivers(sweep)
    assert [found.alive, found.certain] == [True, False]


@pytest.mark.parametrize("jump", [HOUR, -HOUR, 100 * HOUR])
def test_a_driver_that_lives_is_not_forgotten_by_the_next_whatever_the_clocks_say(
    sweep: SweepStore, tmp_path: Path, jump: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is watched first: as long as the next driver needs for its first beats."""
    other, pulse, following = beating(sweep), Pulse(), Heartbeat(sweep, published_facts, print)
    aged(tmp_path, jump)
    following._forget_dead_drivers(pulse)
    assert len(heartbeat.read_beats(sweep)) == 1
    other._beat(heartbeat.RUNNING)
    aged(tmp_path, jump)
    _let_time_pass(monkeypatch)
    following._forget_dead_drivers(pulse)
    assert len(heartbeat.read_beats(sweep)) == 1, "it has beaten meanwhile"


def test_a_driver_that_was_killed_is_forgotten_after_an_hour(
    sweep: SweepStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    beating(sweep)
    pulse, following = Pulse(), Heartbeat(sweep, published_facts, print)
    aged(tmp_path, heartbeat.FORGOTTEN_AFTER + 1)
    following._forget_dead_drivers(pulse)
    assert len(heartbeat.read_beats(sweep)) == 1, "a process of its number is there"
    monkeypatch.setattr(psutil, "pid_exists", lambda _: False)
    following._forget_dead_drivers(pulse)
    assert heartbeat.read_beats(sweep) == []


def test_a_driver_elsewhere_that_does_not_beat_is_forgotten_once_it_was_watched(
    sweep: SweepStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    beating(sweep)
    pulse, following = Pulse(), Heartbeat(sweep, published_facts, print)
    aged(tmp_path, heartbeat.FORGOTTEN_AFTER + 1)
    following._forget_dead_drivers(pulse)
    _let_time_pass(monkeypatch)
    following._forget_dead_drivers(pulse)
    assert heartbeat.read_beats(sweep) == []


def _let_time_pass(monkeypatch: pytest.MonkeyPatch) -> None:
    now = time.monotonic() + heartbeat.FORGETS_AT * heartbeat.BEAT
    monkeypatch.setattr(time, "monotonic", lambda: now)
