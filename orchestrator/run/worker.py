"""What runs inside a Ray actor of the pool: stages, one run after another, with torch and the data kept warm."""

from __future__ import annotations

import contextlib
import json
import logging
import os
import platform
import time
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import ray
from ray.exceptions import RayError

from orchestrator.cluster.node import WorkerPlace, count_oom_kills
from orchestrator.cluster.survey import collect_versions, find_difference
from orchestrator.run.board_actor import find_board
from orchestrator.store.stage_records import load_whole_records
from tasks import paths
from tasks.data.source import PROGRESS_LOG
from tasks.devices import check_device, claim_devices, limit_memory
from tasks.errors import UsageError
from tasks.plugins.bundle import Bundle, unpack_plugins
from tasks.storage.stage_store import StageStore
from tasks.storage.storage import open_storage
from tasks.temporary import remove_dead_folders
from tasks.trial.chain import Stage


@dataclass(frozen=True)
class WorkerSettings:
    """The same for every worker of a sweep."""

    storage_uri: str
    sweep_id: str
    data_dir: Path | None
    fresh: bool = False
    """Compute again and replace what is stored."""
    versions: Mapping[str, str] | None = None
    """What the driver runs, where a node may differ from it: one that comes in mid-sweep was not asked before."""
    board: str = ""
    """The actor that is told of epochs."""
    plugins: Sequence[Bundle] = ()
    """The code of a user's own parts, as the driver has imported it."""


class BoardHandler(logging.Handler):
    """Hands lines of a log on to the user: what may take hours before a stage begins should not be silent."""

    def __init__(self, board: str) -> None:
        super().__init__()
        self._board = board

    def emit(self, record: logging.LogRecord) -> None:
        with contextlib.suppress(ValueError, RayError):  # the board is not up yet, or is being restarted
            find_board(self._board).post_line.remote(f"{platform.node()}: {record.getMessage()}")


def _tell_how_decoding_goes(board: str) -> None:
    log = logging.getLogger(PROGRESS_LOG)
    log.setLevel(logging.INFO)
    log.addHandler(BoardHandler(board))


class StageWorker:
    """Runs stages and keeps a log of its own, which says what ran, not what was planned."""

    def __init__(self, settings: WorkerSettings, threads: int) -> None:
        """The GPUs that Ray gave this process, and no others, are what torch will find.

        :raises UsageError: this node has other versions than the driver, cannot import a plugin, gave a GPU that torch
            cannot use, or has a folder of its own where the storage is meant.
        """
        given = ray.get_runtime_context()
        self._device = claim_devices(given.get_accelerator_ids()["GPU"])
        self._share = float(given.get_assigned_resources().get("GPU", 1.0))
        if settings.versions and (other := find_difference(collect_versions(), settings.versions)):
            raise UsageError(f"node {platform.node()} {other}")
        unpack_plugins(settings.plugins)  # before a job comes: the settings of its stages may be a plugin's own
        try:
            check_device(self._device)
        except UsageError as error:
            raise UsageError(f"node {platform.node()} gave a GPU, and {error}") from error
        remove_dead_folders()
        _tell_how_decoding_goes(settings.board)
        self._settings = settings
        self._threads = threads
        try:
            self._storage = open_storage(settings.storage_uri, established=True)
        except UsageError as error:
            raise UsageError(f"node {platform.node()}: {error}; every node must see one folder there") from error
        self._store = StageStore(self._storage, replace=settings.fresh)
        self._node = ray.get_runtime_context().get_node_id()
        name = f"{time.strftime('%Y%m%dT%H%M%S')}-{os.getpid()}-{uuid.uuid4().hex[:6]}.jsonl"
        self._log = "/".join((paths.SWEEPS, settings.sweep_id, paths.EXECUTIONS, name))

    def describe_place(self) -> WorkerPlace:
        """Where the actor is, once it is up."""
        return WorkerPlace(os.getpid(), self._node, count_oom_kills(), platform.node())

    def run(self, stages: Sequence[Stage]) -> Sequence[Mapping[str, Any]]:
        """Compute and publish stages that share one run; their records.

        What was published since it was planned is not computed twice, unless it is to be replaced: a worker may be lost
        before its driver hears of what it has published.
        """
        from tasks.stages.context import Context
        from tasks.stages.run import run_stages

        settings = self._settings
        found = {} if settings.fresh else load_whole_records(self._store, [stage.key for stage in stages])
        for key in found:  # what a worker that was lost in this moment may have left
            self._storage.remove(self._store.name_checkpoint(key))
        left = [stage for stage in stages if stage.key not in found]
        if left:
            limit_memory(self._device, self._share)
            context = Context(
                self._store, settings.data_dir, self._device, self._threads, settings.sweep_id, self._tell_epoch
            )
            self._log_event("start", left)
            found |= {stage.key: record for stage, record in zip(left, run_stages(left, context), strict=True)}
            self._log_event("end", left)
        return [found[stage.key] for stage in stages]

    def _tell_epoch(self, stage: Stage, entry: Mapping[str, Any]) -> None:
        """Let the driver show how far the stage is, as well as that goes: nothing depends on it."""
        with contextlib.suppress(ValueError, RayError):  # the board is not up yet, or is being restarted
            find_board(self._settings.board).post_epoch.remote(stage.key, dict(entry))

    def _log_event(self, event: str, stages: Sequence[Stage]) -> None:
        """One line per stage; appended, so that a kill loses at most the line being written."""
        for stage in stages:
            entry = {"event": event, "kind": stage.kind, "key": stage.key, "time": time.time()}
            entry |= {"node": self._node, "pid": os.getpid()}
            self._storage.append(self._log, json.dumps(entry))
