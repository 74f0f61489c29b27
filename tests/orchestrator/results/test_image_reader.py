"""What is read of the images of a trial, and how often."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from orchestrator.results import image_reader
from orchestrator.results.image_reader import ImageReader
from tasks.storage.stage_store import StageStore
from tasks.storage.storage import open_storage

FIRST, SECOND, THIRD = ({"attack_key": key} for key in ("first", "second", "third"))
TABLE = pa.table({"index": [2, 0], "robust": [False, True], "label": [7, 8]})


class Rig:
    """A reader, the tables that are stored, and what it has looked for."""

    def __init__(self, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.stored = {"first": TABLE}
        self.asked: list[str] = []
        monkeypatch.setattr(image_reader, "load_stage_table", self.load)
        self.read = ImageReader(StageStore(open_storage(folder)))

    def load(self, _: object, key: str, *__: object, only: tuple[str, ...]) -> pa.Table | None:
        self.asked.append(key)
        return self.stored[key].select(only) if key in self.stored else None


@pytest.fixture
def rig(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Rig:
    return Rig(tmp_path, monkeypatch)


def test_images_are_read_once_and_those_that_were_missing_again_when_that_is_forgotten(rig: Rig) -> None:
    for _ in range(2):
        assert (rig.read(FIRST), rig.read(SECOND)) == ({2: False, 0: True}, None)
    assert rig.asked == ["first", "second"]
    rig.stored["second"] = TABLE.slice(1)
    rig.read.forget_missing()
    assert (rig.read(FIRST), rig.read(SECOND)) == ({2: False, 0: True}, {0: True})
    assert rig.asked[2:] == ["second"]


def test_so_are_columns_of_them_which_are_apart_from_each_other(rig: Rig) -> None:
    for _ in range(2):
        assert rig.read.load_table(FIRST, "label") == TABLE.select(["label"])
        assert rig.read.load_table(FIRST, "index", "robust") == TABLE.select(["index", "robust"])
        assert rig.read.load_table(SECOND, "label") is None
        assert rig.read(FIRST) == {2: False, 0: True}
    assert rig.asked == ["first", "first", "second", "first"]
    rig.stored["second"] = TABLE
    rig.read.forget_missing()
    assert rig.read.load_table(SECOND, "label") == TABLE.select(["label"])


def test_of_many_the_newest_are_kept(rig: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(image_reader, "MOST_KEPT", 2)
    answers: list[Any] = [rig.read(row) for row in (FIRST, SECOND, THIRD, THIRD, SECOND, FIRST)]
    assert answers == [{2: False, 0: True}, None, None, None, None, {2: False, 0: True}]
    assert rig.asked == ["first", "second", "third", "first"]
