"""Signs of life that cannot be read or written, and clocks that jump."""

from __future__ import annotations

import json
import os
import platform
import time
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import psutil
import pytest

from orchestrator.store import heartbeat
from orchestrator.store.heartbeat import Heartbeat, Pulse
from orchestrator.store.sweep_store import SweepStore
from tasks import paths
from tasks.storage.storage import Storage
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


def test_a_beat_says_who_lives_and_what_is_done(sweep: SweepStore, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(platform, "node", lambda: "node7")
    monkeypatch.setattr(time, "time", lambda: 1234.5)
    driver = beating(sweep)
    driver.end("interrupted")
    (place,) = sweep.storage.list_names(sweep.path(paths.DRIVERS))
    content = json.loads(sweep.storage.read(sweep.path(paths.DRIVERS, place)))
    said = {name: content[name] for name in ("host", "pid", "beat", "state", "outcome", "written_at", "jobs_done")}
    assert said == {"host": "node7", "pid": os.getpid(), "beat": 2, "state": "ended", "outcome": "interrupted",
                    "written_at": 1234.5, "jobs_done": 6}  # fmt: skip


class Judge:
    """A pulse whose clock the test moves, and one driver of another machine."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.now = 1000.0
        self.pulse = Pulse()
        monkeypatch.setattr(time, "monotonic", lambda: self.now)

    def judge(self, beat: int, silent: float, state: str = "running") -> tuple[float, bool, bool]:
        content = {"beat": beat, "state": state, "host": "elsewhere", "pid": 1}
        found = self.pulse._judge("made-1", "a.json", content, silent)
        assert found.silent == silent
        return round(found.age, 3), found.alive, found.certain


@pytest.mark.parametrize(
    ("silent", "judged"),
    [
        (29.9, (29.9, True, True)),
        (30.0, (30.0, False, False)),
        (7200.0, (7200.0, False, False)),
        (-19.9, (0.0, True, True)),
        (-20.0, (0.0, True, False)),
    ],
)
def test_at_the_first_look_clocks_are_believed_as_far_as_they_may_differ(
    silent: float, judged: tuple[float, bool, bool], monkeypatch: pytest.MonkeyPatch
) -> None:
    assert Judge(monkeypatch).judge(3, silent) == judged
    assert Judge(monkeypatch).judge(3, silent, "ended")[1:] == (False, True)


def test_who_looks_again_needs_no_clock_but_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    judge = Judge(monkeypatch)
    judge.judge(3, 7200.0)
    judge.now += 30.0
    assert judge.judge(3, 7230.0) == (7230.0, False, False)
    judge.now += 0.1
    assert judge.judge(3, 0.0) == (30.1, False, True), "it was watched for long enough, whatever the clocks say"
    assert judge.judge(4, 7200.0) == (0.0, True, True), "it has beaten"
    judge.now += 29.9
    assert judge.judge(4, 7200.0) == (29.9, True, True)
    judge.now += 0.1
    assert judge.judge(4, 0.0) == (30.0, False, True)


def test_a_driver_of_which_clocks_alone_tell_is_watched_for_four_beats(
    sweep: SweepStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    beating(sweep)
    aged(tmp_path, -HOUR)
    now, looks = [1000.0], list[float]()

    def sleep(seconds: float) -> None:
        looks.append(seconds)
        now[0] += 5.0

    monkeypatch.setattr(time, "monotonic", lambda: now[0])
    monkeypatch.setattr(time, "sleep", sleep)
    (found,) = Pulse().watch_drivers(sweep)
    assert (found.alive, found.certain, looks) == (False, True, [0.2] * 5)
    aged(tmp_path, 0.0)
    (found,) = Pulse().watch_drivers(sweep)
    assert (found.alive, found.certain, len(looks)) == (True, True, 5), "no need to watch"


def test_others_are_looked_at_when_a_driver_begins_and_once_it_has_watched_them(
    sweep: SweepStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    driver, waits, looks = Heartbeat(sweep, published_facts, print), list[float](), list[int]()

    def wait(seconds: float) -> bool:
        waits.append(seconds)
        return len(waits) > 12

    closing: Any = SimpleNamespace(wait=wait)
    driver._closing = closing
    monkeypatch.setattr(Pulse, "drivers", lambda *_: looks.append(driver._count) or [])  # type: ignore[func-returns-value]
    driver._run()
    assert (looks, waits) == ([0, heartbeat.FORGETS_AT], [5.0] * 13)


def test_the_newest_driver_comes_last_and_what_cannot_be_dated_says_it_itself(
    sweep: SweepStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    beating(sweep, jobs_done=1)
    aged(tmp_path, 500.0)
    beating(sweep, jobs_done=2)
    assert [content["jobs_done"] for _, content, _ in heartbeat.read_beats(sweep)] == [1, 2]
    monkeypatch.setattr(Storage, "get_change_time", lambda *_: None)
    written = heartbeat.read_beats(sweep)[0][1]["written_at"]
    monkeypatch.setattr(time, "time", lambda: written + 77.0)
    assert max(age for *_, age in heartbeat.read_beats(sweep)) == pytest.approx(77.0, abs=5.0)
