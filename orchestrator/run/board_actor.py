"""The actor that holds the outcomes of stages, where trials wait and workers tell of epochs; Ray Tune is not needed."""

from __future__ import annotations

import asyncio
import functools
from collections.abc import Mapping, Sequence
from typing import Any

import ray

FINISHED, FAILED, STOPPED = "finished", "failed", "stopped"


class BoardActor:
    """Outcomes of stages by key. It holds no CPU; a trial that waits here holds none either."""

    def __init__(self, chains: Mapping[str, Sequence[str]]) -> None:
        """:param chains: trial id -> keys of its stages, the attack last."""
        self._chains = chains
        self._outcomes: dict[str, dict[str, Any]] = {}
        self._changed = asyncio.Condition()
        self._epochs: list[tuple[str, dict[str, Any]]] = []
        self._lines: list[str] = []
        self._closed = False

    async def post_epoch(self, key: str, entry: dict[str, Any]) -> None:
        """Tell that an epoch of a stage is over, and what stands in its history of it."""
        self._epochs.append((key, entry))

    async def post_line(self, line: str) -> None:
        """Tell the user something."""
        self._lines.append(line)

    async def take_news(self) -> tuple[list[tuple[str, dict[str, Any]]], list[str]]:
        """The epochs and the lines that were told since the last time."""
        taken = self._epochs, self._lines
        self._epochs, self._lines = [], []
        return taken

    async def post(self, outcomes: Mapping[str, dict[str, Any]]) -> None:
        """Tell what became of stages: key -> `{"status": ..., "error": ..., "metrics": ...}`."""
        async with self._changed:
            self._outcomes.update(outcomes)
            self._changed.notify_all()

    async def close(self) -> None:
        """Let everyone go who still waits."""
        async with self._changed:
            self._closed = True
            self._changed.notify_all()

    async def summarize(self) -> tuple[int, bool]:
        """How many outcomes are known, and whether it is closed: fewer than were posted after a restart."""
        return len(self._outcomes), self._closed

    async def walk(self, trial_id: str) -> dict[str, Any]:
        """Wait for the stages of a trial one after another; what became of the last, or of the first that failed."""
        outcome: dict[str, Any] = {"status": STOPPED}
        for key in self._chains[trial_id]:
            await self._wait_for(key)
            outcome = self._outcomes.get(key, {"status": STOPPED})
            if outcome["status"] != FINISHED:
                break
        return outcome

    async def _wait_for(self, key: str) -> None:
        async with self._changed:
            await self._changed.wait_for(lambda: key in self._outcomes or self._closed)


@functools.lru_cache(maxsize=1)
def find_board(name: str) -> Any:
    """The board of that name. Its handle is kept: to find the actor anew costs every trial tens of milliseconds."""
    return ray.get_actor(name)
