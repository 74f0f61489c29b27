"""How often the kernel of a node has killed something for memory."""

from __future__ import annotations

from pathlib import Path

import pytest

from orchestrator.cluster import node
from orchestrator.cluster.node import count_oom_kills


def test_the_first_file_that_counts_is_believed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    files = [tmp_path / name for name in ("missing", "silent", "container", "machine")]
    files[1].write_text("oom 9\noom_kill_disable 4\n")
    files[2].write_text("low 1\noom 5\noom_kill 3\noom_group_kill 8\n")
    files[3].write_text("oom_kill 7\n")
    monkeypatch.setattr(node, "OOM_COUNTERS", tuple(map(str, files)))
    assert count_oom_kills() == 3
    monkeypatch.setattr(node, "OOM_COUNTERS", (str(files[3]), str(files[2])))
    assert count_oom_kills() == 7
    monkeypatch.setattr(node, "OOM_COUNTERS", (str(files[0]), str(files[1])))
    assert count_oom_kills() is None
