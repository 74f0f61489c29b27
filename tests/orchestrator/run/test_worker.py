"""What a worker says on its way: lines of a log reach the user, and nothing depends on them."""

from __future__ import annotations

import logging
import platform
from types import SimpleNamespace
from typing import Any

import pytest

from orchestrator.run import worker
from orchestrator.run.worker import BoardHandler


def test_lines_of_a_log_are_posted_with_the_node_and_lost_where_there_is_no_board(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    posted: list[str] = []
    boards = {"here": SimpleNamespace(post_line=SimpleNamespace(remote=posted.append))}

    def find(name: str) -> Any:
        if name not in boards:
            raise ValueError("there is no such actor")
        return boards[name]

    monkeypatch.setattr(worker, "find_board", find)
    monkeypatch.setattr(platform, "node", lambda: "node7")
    log = logging.Logger("some")
    for board in ("here", "gone"):
        log.addHandler(BoardHandler(board))
    log.info("decoding images: %s of %s", "6", "10")
    assert posted == ["node7: decoding images: 6 of 10"]
