"""Workers whose stages only sleep; like the real one, their module imports nothing that the driver alone needs."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from typing import Any

from orchestrator.run.worker import StageWorker
from tasks.trial.chain import Stage

SECONDS = {"train": 2.0, "prune": 0.6, "finetune": 0.0, "adversarial_finetune": 0.6, "attack": 0.1}


class SleepingWorker(StageWorker):
    """Sleeps for the seconds of the kind, then publishes a record without files."""

    seconds: Mapping[str, float] = SECONDS

    def run(self, stages: Sequence[Stage]) -> Sequence[Mapping[str, Any]]:
        self._log_event("start", stages)
        time.sleep(self.seconds[stages[0].kind])
        records = [self._publish(stage) for stage in stages]
        self._log_event("end", stages)
        return records

    def _publish(self, stage: Stage) -> dict[str, Any]:
        counts = {"examples": 100, "clean_correct": 90, "robust_correct": 50}
        sizes = {"parameters": 0, "nonzero_parameters": 0, "macs": 0}
        record = {
            **stage.identity,
            "model_settings": stage.model.document(),
            "sweep_id": self._settings.sweep_id,
            "device": "cpu",
            "versions": {},
            "seconds": self.seconds[stage.kind],
            "started_at": "2026-01-01T00:00:00+00:00",
            "finished_at": "2026-01-01T00:00:00+00:00",
            "metrics": {**counts, **sizes},
        }
        return self._store.publish(stage.key, self._store.make_draft(), record)


class IdleWorker(SleepingWorker):
    """Its stages take no time at all, so that what is seen is the cost of a trial."""

    seconds = dict.fromkeys(SECONDS, 0.0)


class BriefWorker(SleepingWorker):
    """Its stages take hardly any time, so that what is seen is the driver."""

    seconds = dict.fromkeys(SECONDS, 0.01)
