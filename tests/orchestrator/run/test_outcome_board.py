"""The board: what the driver posts, and what a trial that waits hears."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from ray.exceptions import RayActorError

from orchestrator.plan.plan import make_plan
from orchestrator.run import outcome_board
from orchestrator.run.board_actor import BoardActor
from orchestrator.run.outcome_board import OutcomeBoard, summarize_outcome
from orchestrator.space import space as spaces
from tests.conftest import CONFIG
from tests.support.harness import list_imported_modules
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


def test_the_board_says_what_it_knows() -> None:
    async def run() -> list[tuple[int, bool]]:
        board = make_actor()
        before = await board.summarize()
        await board.post({"a": DONE, "x": DONE})
        await board.close()
        return [before, await board.summarize()]

    assert asyncio.run(run()) == [(0, False), (2, True)]


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


class Rig:
    """A board whose actor is a script."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.ray, self.board = ScriptedRay(), OutcomeBoard()
        monkeypatch.setattr(outcome_board, "ray", self.ray)
        monkeypatch.setattr(outcome_board, "LOOK_INTERVAL", 600.0)

    def look(self, known: int, closed: bool) -> list[str]:
        """What the driver calls when the actor knows so much."""
        (actor,) = self.ray.actors
        done = len(actor.calls)
        self.ray.expect("summarize", (known, closed))
        self.board.post_again_if_lost()
        return [call.method for call in actor.calls[done:] if call.method != "summarize"]


@pytest.fixture
def rig(monkeypatch: pytest.MonkeyPatch) -> Rig:
    return Rig(monkeypatch)


RECORD = {"metrics": {"robust_accuracy": 0.5, "note": "text"}}


def test_the_driver_posts_to_one_actor_that_holds_no_cpu_and_is_restarted(rig: Rig) -> None:
    with rig.board.open({"trial": ["a"]}, {"a": RECORD}) as name:
        (actor,) = rig.ray.actors
        assert (actor.options["name"], actor.options["num_cpus"]) == (name, 0)
        assert actor.options["resources"] == {"node:__internal_head__": 0.0001}, "it stays where the sweep does"
        assert (actor.options["max_restarts"], actor.options["max_task_retries"]) == (-1, -1)
        assert actor.arguments == ({"trial": ["a"]},)
        assert actor.last("post").arguments == ({"a": DONE},), "numbers alone"
        stage = make_plan(spaces.build("test", "test", dict(CONFIG)), None).trials[0].chain[0]
        rig.board.post_failure([stage], "bad")
        assert actor.last("post").arguments == ({stage.key: {"status": "failed", "error": "bad"}},)
        rig.board.close()
        assert actor.last("close").arguments == ()


def test_a_board_that_has_forgotten_is_told_everything_again(rig: Rig) -> None:
    with rig.board.open({"trial": ["a"]}, {"a": RECORD}):
        rig.board.post_records({"b": RECORD})
        assert rig.look(2, closed=False) == []
        assert rig.look(0, closed=False) == ["post"]
        assert rig.ray.actors[0].last("post").arguments == ({"a": DONE, "b": DONE},)
        rig.board.close()
        assert rig.look(2, closed=False) == ["post", "close"], "or trials would wait for ever"
        assert rig.look(2, closed=True) == []


def test_a_board_that_does_not_answer_is_asked_again_later(rig: Rig) -> None:
    with rig.board.open({"trial": ["a"]}, {"a": RECORD}):
        posted = len(rig.ray.actors[0].calls)
        rig.board.post_again_if_lost()
        rig.ray.expect("summarize", RayActorError())
        rig.board.post_again_if_lost()
        assert [call.method for call in rig.ray.actors[0].calls[posted:]] == ["summarize", "summarize"]


def test_news_are_handed_on_once_and_nothing_depends_on_them(rig: Rig) -> None:
    told: list[tuple[str, Any]] = []
    lines: list[str] = []
    rig.board = OutcomeBoard(lambda key, entry: told.append((key, entry)), lines.append)
    with rig.board.open({"trial": ["a"]}, {}) as name:
        assert name == rig.board.name
        rig.board.hand_on_news()
        rig.ray.expect("take_news", ([("a", {"epoch": 0}), ("a", {"epoch": 1})], ["node: decoding images: 1 of 2"]))
        rig.board.hand_on_news()
        rig.ray.expect("take_news", RayActorError())
        rig.board.hand_on_news()
    assert lines == ["node: decoding images: 1 of 2"]
    assert told == [("a", {"epoch": 0}), ("a", {"epoch": 1})]


def test_the_actor_gives_its_news_away_once() -> None:
    async def ask() -> list[Any]:
        actor = BoardActor({})
        await actor.post_epoch("a", {"epoch": 0})
        await actor.post_line("words")
        return [await actor.take_news(), await actor.take_news()]

    assert asyncio.run(ask()) == [([("a", {"epoch": 0})], ["words"]), ([], [])]


def test_what_is_posted_of_a_record_are_its_numbers() -> None:
    assert summarize_outcome({"metrics": {"a": 1, "b": "x", "c": 0.5}})["metrics"] == {"a": 1, "c": 0.5}


@pytest.mark.slow
def test_neither_the_board_nor_a_worker_waits_for_the_import_of_ray_tune() -> None:
    modules = list_imported_modules("import orchestrator.run.board_actor, orchestrator.run.worker")
    assert not {"ray.tune", "pandas"} & modules
