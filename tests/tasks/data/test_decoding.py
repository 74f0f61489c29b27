"""An array on disk that is being filled: what goes on, what begins anew, and when it is noted and said."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tasks.data import decoding
from tasks.data.decoding import Draft, decode_files, log_progress
from tasks.data.listing import Listing
from tests.support.images import settings
from tests.support.small import write_images

SHAPE = (4, 3, 8, 8)


@pytest.fixture
def target(tmp_path: Path) -> Path:
    return tmp_path / "images.npy"


def test_a_draft_goes_on_from_its_last_note(target: Path) -> None:
    draft = Draft(target)
    assert draft.begin(SHAPE) == (0, [])
    draft.map_array()[1] = 7
    draft.note(3, [2])
    assert {file.name for file in target.parent.iterdir()} >= {"images.part", "images.progress"}
    again = Draft(target)
    assert again.begin(SHAPE) == (3, [2])
    assert again.map_array()[1].min() == 7
    again.publish()
    assert np.load(target).shape == SHAPE
    assert np.load(target)[1].max() == 7
    assert not target.with_suffix(".progress").exists()
    again.remove()


@pytest.mark.parametrize(
    ("note", "shape"),
    [
        ([5, []], SHAPE),
        ([-1, []], SHAPE),
        ([3, []], (4, 3, 8, 9)),
        ([3], SHAPE),
        (3, SHAPE),
        (["x", []], SHAPE),
        ([3, None], SHAPE),
    ],
)
def test_a_note_that_does_not_fit_begins_anew(target: Path, note: Any, shape: tuple[int, ...]) -> None:
    draft = Draft(target)
    draft.begin(SHAPE)
    draft.map_array()[:] = 9
    target.with_suffix(".progress").write_text(json.dumps(note))
    assert draft.begin(shape) == (0, [])
    array = draft.map_array()
    assert (array.shape, int(array.max())) == (shape, 0)
    assert not target.with_suffix(".progress").exists()


def test_a_note_of_all_that_there_is_counts(target: Path) -> None:
    draft = Draft(target)
    draft.begin(SHAPE)
    draft.note(4, (1, 3))
    assert draft.begin(SHAPE) == (4, [1, 3])
    draft.remove()
    assert not list(target.parent.glob("images*"))
    assert draft.begin(SHAPE) == (0, []), "there is nothing that could be missing"


class Clock:
    """Seconds that are set by hand."""

    now = 100.0

    def monotonic(self) -> float:
        return self.now


def test_it_is_noted_after_seconds_of_work_and_each_note_begins_them_anew(
    tmp_path: Path, target: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert (decoding.PORTION, decoding.NOTE_EVERY, decoding.SAY_EVERY) == (100, 5.0, 30.0)
    write_images(tmp_path / "images", ("cat",), 9)
    files = tuple(f"cat/{number:03d}.png" for number in range(9))
    (tmp_path / "images" / files[6]).write_bytes(b"no image")
    clock, said, notes = Clock(), list[tuple[str, int, int]](), list[tuple[int, list[int]]]()

    def report(*news: Any) -> None:
        said.append(news)
        clock.now += 3.0

    monkeypatch.setattr(decoding, "time", clock)
    monkeypatch.setattr(decoding, "PORTION", 2)
    monkeypatch.setattr(Draft, "note", lambda _, done, corrupt: notes.append((done, list(corrupt))))
    listing = Listing(tmp_path / "images", ("cat",), files, (0,) * 9)
    asked = settings("image_folder", image_size=8, channels=1)
    assert decode_files(listing, asked, Draft(target), report) == [tmp_path / "images" / files[6]]
    assert said == [("decoding images", done, 9) for done in (2, 4, 6, 8, 9)]
    assert notes == [(4, []), (8, [6])]
    array = Draft(target).map_array()
    assert array.shape == (9, 1, 8, 8)
    assert [bool(image.any()) for image in array] == [place != 6 for place in range(9)]


def test_the_log_says_how_far_it_is_every_half_minute(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    clock = Clock()
    monkeypatch.setattr(decoding, "time", clock)
    report = log_progress()
    with caplog.at_level("INFO"):
        for done, seconds in ((1000, 29.5), (2000, 30.0), (3000, 59.5), (4000, 60.0)):
            clock.now = 100.0 + seconds
            report("decoding images", done, 12_345)
    assert [record.getMessage() for record in caplog.records] == [
        "decoding images: 2,000 of 12,345",
        "decoding images: 4,000 of 12,345",
    ]
    assert {record.name for record in caplog.records} == {"advsweep.data"}
