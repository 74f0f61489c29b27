"""The actor where trials wait for the outcomes of their stages, without Ray around it."""

from __future__ import annotations

import asyncio
from typing import Any

from orchestrator.run.board_actor import BoardActor

DONE = {"status": "finished", "metrics": {"accuracy": 0.5}}
BAD = {"status": "failed", "error": "why"}


def walk(outcomes: dict[str, dict[str, Any]], close: bool = False) -> Any:
    """What becomes of a trial of three stages once these outcomes are posted, one at a time."""

    async def run() -> Any:
        board = BoardActor({"trial": ["a", "b", "c"], "other": ["a"]})
        waiting = asyncio.create_task(board.walk("trial"))
        for key, outcome in outcomes.items():
            await asyncio.sleep(0)
            assert not waiting.done()
            await board.post({key: outcome})
        if close:
            await board.close()
        try:
            return await asyncio.wait_for(waiting, 1), await board.summarize()
        except asyncio.TimeoutError:
            return "waits", await board.summarize()

    return asyncio.run(run())


def test_a_trial_ends_as_its_last_stage_or_as_the_first_that_failed() -> None:
    last = {"status": "finished", "metrics": {"accuracy": 0.9}}
    assert walk({"c": last, "a": DONE, "b": DONE}) == (last, (3, False))
    assert walk({"c": last, "a": BAD}) == (BAD, (2, False))
    assert walk({"a": DONE, "b": BAD}) == (BAD, (2, False))


def test_a_trial_waits_for_each_stage_and_is_stopped_when_the_board_is_closed() -> None:
    assert walk({"a": DONE, "c": DONE}, close=True) == ({"status": "stopped"}, (2, True))
    assert walk({}, close=True) == ({"status": "stopped"}, (0, True))


def test_news_are_taken_once_in_their_order() -> None:
    async def run() -> list[Any]:
        board = BoardActor({})
        for number in (2, 1):
            await board.post_epoch(f"k{number}", {"epoch": number})
            await board.post_line(f"line {number}")
        return [await board.take_news(), await board.take_news()]

    first, second = asyncio.run(run())
    assert first == ([("k2", {"epoch": 2}), ("k1", {"epoch": 1})], ["line 2", "line 1"])
    assert second == ([], [])
