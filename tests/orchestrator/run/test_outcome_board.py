"""The board: what the driver posts, and what a trial that waits hears."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from orchestrator.plan.plan import make_plan
from orchestrator.run import outcome_board
from orchestrator.run.coordinator import BoardActor
from orchestrator.run.outcome_board import OutcomeBoard, summarize_outcome
from orchestrator.space import space as spaces
from tests.conftest import CONFIG
from tests.support.scripted_ray import ScriptedRay

DONE = {"status": "finished", "metrics": {"robust_accuracy": 0.5}}


async def walk_beside(board: BoardActor, *steps: Any) -> dict[str, Any]:
    """Walk a chain of two stages while these steps are done one after another."""
    walking = asyncio.ensure_future(board.walk("trial"))
    for step in steps:
        await asyncio.sleep(0)
        assert not walking.done()
        await step
    return await asyncio.wait_for(walking, 5)


def make_actor() -> BoardActor:
    return BoardActor({"trial": ["a", "b"]})


def test_a_trial_waits_for_its_last_stage() -> None:
    async def run() -> dict[str, Any]:
        board = make_actor()
        return await walk_beside(
            board,
            board.post({"b": {**DONE, "metrics": {"x": 2}}}),
            board.post({"other": DONE}),
            board.post({"a": DONE}),
        )

    assert asyncio.run(run()) == {"status": "finished", "metrics": {"x": 2}}


def test_a_trial_ends_with_the_first_stage_that_failed() -> None:
    async def run() -> dict[str, Any]:
        board = make_actor()
        return await walk_beside(board, board.post({"a": {"status": "failed", "error": "bad"}}))

    assert asyncio.run(run()) == {"status": "failed", "error": "bad"}


def test_at_the_end_everyone_goes() -> None:
    async def run() -> dict[str, Any]:
        board = make_actor()
        return await walk_beside(board, board.close())

    assert asyncio.run(run()) == {"status": "stopped"}


def test_the_driver_posts_to_one_actor_that_holds_no_cpu(monkeypatch: pytest.MonkeyPatch) -> None:
    ray = ScriptedRay()
    monkeypatch.setattr(outcome_board, "ray", ray)
    board = OutcomeBoard()
    name = board.open({"trial": ["a"]}, {"a": {"metrics": {"robust_accuracy": 0.5, "note": "text"}}})
    (actor,) = ray.actors
    assert (actor.options["name"], actor.options["num_cpus"]) == (name, 0)
    assert actor.arguments == ({"trial": ["a"]},)
    assert actor.last("post").arguments == ({"a": DONE},), "numbers alone"
    stage = make_plan(spaces.build("test", "test", dict(CONFIG)), None).trials[0].chain[0]
    board.post_failure([stage], "bad")
    assert actor.last("post").arguments == ({stage.key: {"status": "failed", "error": "bad"}},)
    board.close()
    assert actor.last("close").arguments == ()


def test_what_is_posted_of_a_record_are_its_numbers() -> None:
    assert summarize_outcome({"metrics": {"a": 1, "b": "x", "c": 0.5}})["metrics"] == {"a": 1, "c": 0.5}
