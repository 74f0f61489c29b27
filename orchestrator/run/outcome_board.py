"""Where the driver posts what became of stages, for the trials that wait."""

from __future__ import annotations

import uuid
from collections.abc import Mapping, Sequence
from typing import Any

import ray

from orchestrator.run.coordinator import FAILED, FINISHED, BoardActor
from tasks.trial.chain import Stage

ON_HEAD = {"node:__internal_head__": 0.0001}
"""The board stays on the node that a sweep cannot lose."""
WAITING = 10_000
"""Trials that may wait at the same time."""


class OutcomeBoard:
    """The driver's side of the board."""

    def __init__(self) -> None:
        self._actor: Any = None

    def open(self, chains: Mapping[str, Sequence[str]], records: Mapping[str, Mapping[str, Any]]) -> str:
        """Start the board.

        :param chains: trial id -> keys of its stages, the attack last.
        :param records: stages that are finished already, by key.
        :returns: the name by which trials find it.
        """
        name = f"board-{uuid.uuid4().hex}"
        actor = ray.remote(num_cpus=0, resources=ON_HEAD, max_concurrency=WAITING)(BoardActor)
        self._actor = actor.options(name=name).remote(chains)
        self.post_records(records)
        return name

    def post_records(self, records: Mapping[str, Mapping[str, Any]]) -> None:
        """Stages are finished.

        :param records: by stage key.
        """
        self._actor.post.remote({key: summarize_outcome(record) for key, record in records.items()})

    def post_failure(self, stages: Sequence[Stage], error: str) -> None:
        """Stages failed for good, or never will run."""
        self._actor.post.remote({stage.key: {"status": FAILED, "error": error} for stage in stages})

    def close(self) -> None:
        """Let every trial go that still waits."""
        self._actor.close.remote()


def summarize_outcome(record: Mapping[str, Any]) -> dict[str, Any]:
    """What trials that wait hear of a finished stage."""
    numbers = {name: value for name, value in record["metrics"].items() if isinstance(value, (int, float))}
    return {"status": FINISHED, "metrics": numbers}
