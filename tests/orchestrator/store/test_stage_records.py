"""What of many stages can be read and is whole, each case beside one that is as it should be."""

from __future__ import annotations

from pathlib import Path

import pytest

from orchestrator.store.stage_records import check_records, load_records, load_whole_records
from tasks import paths
from tasks.errors import UnreadableError
from tasks.storage.stage_store import StageStore
from tasks.storage.storage import open_storage
from tests.support.stage_records import make_stage_record

KEYS = {name: name * 64 for name in "abcdef"}
GOOD, LONGER, CHANGED, NO_RECORD, BARRED, MISSING = KEYS.values()


@pytest.fixture
def store(tmp_path: Path) -> StageStore:
    """Stages of which one is whole, one is too long, one has other bytes, and one has a record that says nothing."""
    store = StageStore(open_storage(tmp_path))
    for place, key in enumerate([GOOD, LONGER, CHANGED, NO_RECORD]):
        draft = store.make_draft()
        (draft / paths.HISTORY).write_bytes(b"12345")
        store.publish(key, draft, make_stage_record(seed=place))
    folder = tmp_path / "stages"
    (folder / LONGER / paths.HISTORY).write_bytes(b"123456")
    (folder / CHANGED / paths.HISTORY).write_bytes(b"54321")
    (folder / NO_RECORD / paths.STAGE_RECORD).write_bytes(b"{}")
    return store


def test_records_that_can_be_read_come_in_the_order_of_their_keys(
    store: StageStore, caplog: pytest.LogCaptureFixture
) -> None:
    found = load_records(store, iter([CHANGED, MISSING, NO_RECORD, GOOD]))
    assert [(key, record["seed"]) for key, record in found.items()] == [(CHANGED, 2), (GOOD, 0)]
    (note,) = caplog.messages
    assert NO_RECORD[:12] in note


def test_a_stage_is_whole_while_its_files_are_as_long_as_they_should_be(
    store: StageStore, caplog: pytest.LogCaptureFixture
) -> None:
    found = load_whole_records(store, [LONGER, CHANGED, GOOD, MISSING])
    assert list(found) == [CHANGED, GOOD]
    assert (found[CHANGED]["seed"], found[GOOD]["seed"]) == (2, 0)
    (note,) = caplog.messages
    assert LONGER[:12] in note
    assert "; a launch computes it again" in note


def test_what_is_damaged_is_set_aside_and_what_may_not_be_read_stays(
    store: StageStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    barred, verify = UnreadableError("somebody else's"), StageStore.verify

    def look(self: StageStore, key: str) -> object:
        if key == BARRED:
            raise barred
        return verify(self, key)

    monkeypatch.setattr(StageStore, "verify", look)
    found = check_records(store, [LONGER, BARRED, GOOD, CHANGED])
    assert {key: record["seed"] for key, record in found.whole.items()} == {GOOD: 0}
    assert found.unreadable == {BARRED: barred}
    assert len(found.set_aside) == 2
    assert found.set_aside == sorted(found.set_aside)
    for key, line in zip(sorted([CHANGED, LONGER]), found.set_aside, strict=True):
        assert key[:12] in line
        assert line.endswith(", it will be computed again")
        assert not (tmp_path / "stages" / key).exists()
    assert (tmp_path / "stages" / GOOD).exists()
