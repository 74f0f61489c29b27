"""What an attack found is read from the file as it was written."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from benchmarks.smallest_outcomes import Asked, Outcome, append_outcome, read_outcomes


def make_outcome(passes: int, *sizes: float) -> Outcome:
    return Outcome(Asked("MNIST", "l2", "ddn", "ours", passes, len(sizes)), np.array(sizes), 12.5, 0.25)


def test_outcomes_are_read_as_they_were_written_and_the_last_counts(tmp_path: Path) -> None:
    file = tmp_path / "new" / "found.jsonl"
    first, other, again = make_outcome(400, 0.0, np.inf), make_outcome(1000, 0.5), make_outcome(400, 0.25, 1.0)
    for outcome in (first, other, again):
        append_outcome(file, outcome)
    kept = read_outcomes(file)
    assert list(kept) == [first.asked, other.asked]
    assert kept[first.asked].sizes.tolist() == [0.25, 1.0]
    assert kept[other.asked][2:] == (12.5, 0.25)


def test_what_was_not_found_is_infinite(tmp_path: Path) -> None:
    append_outcome(tmp_path / "found.jsonl", make_outcome(400, 0.0, np.inf))
    (outcome,) = read_outcomes(tmp_path / "found.jsonl").values()
    assert outcome.sizes.tolist() == [0.0, np.inf]


def test_nothing_is_kept_without_a_file(tmp_path: Path) -> None:
    append_outcome(None, make_outcome(400, 1.0))
    assert read_outcomes(None) == read_outcomes(tmp_path / "none.jsonl") == {}
    assert not list(tmp_path.iterdir())
