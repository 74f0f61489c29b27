"""An object store, which knows no appending: a line is added by putting the object anew."""

from __future__ import annotations

from pathlib import Path

from tests.support.finished_sweep import remote_storage


def test_lines_that_another_process_has_added_stay(tmp_path: Path) -> None:
    one, other = remote_storage(tmp_path), remote_storage(tmp_path)
    (tmp_path / "logs").mkdir()
    for storage, line in ((one, "a"), (one, "b"), (other, "c"), (one, "d"), (other, "e")):
        storage.append("logs/failures.log", line)
    assert one.read("logs/failures.log") == b"a\nb\nc\nd\ne\n"
