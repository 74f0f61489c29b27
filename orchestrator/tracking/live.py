"""Curves while a sweep runs: one W&B run that each epoch is logged to as it ends, of whatever stage it is."""

from __future__ import annotations

import time
import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from orchestrator.plan.labels import describe_settings
from orchestrator.store.sweep_store import SweepStore
from orchestrator.tracking.client import keep_temporary_files
from orchestrator.tracking.content import RunContent
from orchestrator.tracking.folder import run_id
from orchestrator.tracking.overview import make_metric_name
from orchestrator.tracking.writer import Writer
from tasks.trial.chain import Stage

LIVE = "live"
"""Job type, and what the key of such a run begins with."""
MOST_STAGES = 200
"""Stages that have curves of their own; W&B slows down with many thousands of names."""
MEASURES = ("train_loss", "train_accuracy", "validation_loss", "validation_accuracy", "robust_validation_accuracy")


@dataclass(frozen=True)
class Epoch:
    """An epoch of a stage that is over."""

    stage: Stage
    entry: Mapping[str, Any]
    """Of its history."""


class LiveRun:
    """The run of one launch, opened with the first epoch and closed with the sweep."""

    def __init__(self, writer: Writer, sweep: SweepStore) -> None:
        self._writer, self._sweep = writer, sweep
        self._run: Any = None
        self._stages: dict[str, str] = {}
        self.key: str | None = None
        """Of the run, once there is one."""

    def log(self, epoch: Epoch) -> None:
        """Log an epoch under the name of its stage, over its own axis of epochs."""
        if self._run is None:
            with keep_temporary_files():
                self._open()
        stage = epoch.stage
        if stage.key not in self._stages:
            if len(self._stages) >= MOST_STAGES:
                return
            self._stages[stage.key] = _name_stage(stage)
            self._writer.declare_axis(self._run, self._stages[stage.key], f"{self._stages[stage.key]}/epoch")
        prefix = self._stages[stage.key]
        measured = {name: epoch.entry[name] for name in MEASURES if epoch.entry.get(name) is not None}
        self._run.log(
            {f"{prefix}/{name}": value for name, value in {"epoch": epoch.entry["epoch"], **measured}.items()}
        )

    def finish(self) -> None:
        """Close the run, and note that it is whole."""
        if self._run is not None and self.key is not None:
            self._run.finish()
            self._writer.note_written(self.key)

    def _open(self) -> None:
        self.key = f"{LIVE}-{time.strftime('%Y%m%dT%H%M%S')}-{uuid.uuid4().hex[:6]}"
        self._run = self._writer.open(
            RunContent(
                key=self.key,
                id=run_id(self._sweep.sweep_id, self.key),
                group=self._sweep.sweep_id,
                job_type=LIVE,
                name=f"{self._sweep.sweep_id} while it runs",
                tags=[LIVE],
                config={"sweep_id": self._sweep.sweep_id},
                summary={},
                histories={},
            )
        )


def _name_stage(stage: Stage) -> str:
    """`adversarial_finetune lambda 0_9_ pgd 8_255 s1 3f0a91`."""
    return make_metric_name(f"{stage.kind} {describe_settings([stage])}", f" s{stage.seed} {stage.key[:6]}")
