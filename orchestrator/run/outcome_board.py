"""Where the driver posts what became of stages, for the trials that wait."""

from __future__ import annotations

import contextlib
import threading
import uuid
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import ray
from ray.exceptions import RayError

from orchestrator.run.board_actor import FAILED, FINISHED, BoardActor
from tasks.trial.chain import Stage

ON_HEAD = {"node:__internal_head__": 0.0001}
"""The board stays on the node that a sweep cannot lose."""
WAITING = 10_000
"""Trials that may wait at the same time."""
LOOK_INTERVAL = 1.0
"""Seconds between two looks at whether the board still knows what was posted."""
ANSWER = 5.0
"""Seconds that it has to say so."""


class OutcomeBoard:
    """The driver's side of the board. It keeps what it has posted: an actor that Ray restarts knows nothing of it."""

    def __init__(
        self,
        on_epoch: Callable[[str, Mapping[str, Any]], None] = lambda _, __: None,
        on_line: Callable[[str], None] = lambda _: None,
    ) -> None:
        """:param on_epoch: told, within a second or so, of each epoch: key of the stage, entry of its history.
        :param on_line: told what workers have to say to the user.
        """
        self.name = f"board-{uuid.uuid4().hex}"
        self._on_epoch, self._on_line = on_epoch, on_line
        self._actor: Any = None
        self._posted: dict[str, dict[str, Any]] = {}
        self._closed = False
        self._lock = threading.Lock()
        self._leaving = threading.Event()

    @contextmanager
    def open(self, chains: Mapping[str, Sequence[str]], records: Mapping[str, Mapping[str, Any]]) -> Iterator[str]:
        """Start the board, and look after it until the end of the block; yields the name by which trials find it.

        :param chains: trial id -> keys of its stages, the attack last.
        :param records: stages that are finished already, by key.
        """
        actor = ray.remote(
            num_cpus=0, resources=ON_HEAD, max_concurrency=WAITING, max_restarts=-1, max_task_retries=-1
        )(BoardActor)
        self._actor = actor.options(name=self.name).remote(chains)
        self.post_records(records)
        thread = threading.Thread(target=self._look_after, name="board", daemon=True)
        thread.start()
        try:
            yield self.name
        finally:
            self._leaving.set()
            thread.join()

    def post_records(self, records: Mapping[str, Mapping[str, Any]]) -> None:
        """Stages are finished.

        :param records: by stage key.
        """
        self._post({key: summarize_outcome(record) for key, record in records.items()})

    def post_failure(self, stages: Sequence[Stage], error: str) -> None:
        """Stages failed for good, or never will run."""
        self._post({stage.key: {"status": FAILED, "error": error} for stage in stages})

    def close(self) -> None:
        """Let every trial go that still waits."""
        with self._lock:
            self._closed = True
            self._actor.close.remote()

    def _post(self, outcomes: Mapping[str, dict[str, Any]]) -> None:
        with self._lock:
            self._posted |= outcomes
            self._actor.post.remote(outcomes)

    def _look_after(self) -> None:
        while not self._leaving.wait(LOOK_INTERVAL):
            self.post_again_if_lost()
            self.hand_on_news()

    def hand_on_news(self) -> None:
        """Fetch the epochs that are over since the last look and what workers have said, and tell of them."""
        asked = self._actor.take_news.remote()
        answered, _ = ray.wait([asked], num_returns=1, timeout=ANSWER)
        with contextlib.suppress(RayError):  # it is being restarted: what it was told is gone, and nothing needs it
            epochs, lines = ray.get(asked) if answered else ((), ())
            for key, entry in epochs:
                self._on_epoch(key, entry)
            for line in lines:
                self._on_line(line)

    def post_again_if_lost(self) -> None:
        """Ask the actor what it knows, and post all of it again where that is less than what was posted."""
        with self._lock:
            asked, posted, closed = self._actor.summarize.remote(), len(self._posted), self._closed
        answered, _ = ray.wait([asked], num_returns=1, timeout=ANSWER)
        if not answered:
            return
        try:
            known = ray.get(asked)
        except RayError:
            return  # it is being restarted, or its node is gone, which ends the sweep elsewhere
        if known == (posted, closed):
            return
        with self._lock:
            self._actor.post.remote(dict(self._posted))
            if self._closed:
                self._actor.close.remote()


def summarize_outcome(record: Mapping[str, Any]) -> dict[str, Any]:
    """What trials that wait hear of a finished stage."""
    numbers = {name: value for name, value in record["metrics"].items() if isinstance(value, (int, float))}
    return {"status": FINISHED, "metrics": numbers}
