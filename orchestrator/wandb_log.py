"""W&B from the driver: each finished trial becomes one run, written once, when it is complete.

Results are durable in Parquet before W&B hears of them. Everything runs in a thread of its own under time limits;
whatever goes wrong, the sweep goes on, and it is said once.
"""

from __future__ import annotations

import hashlib
import io
import json
import os
import queue
import shutil
import threading
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from orchestrator.sweep_store import SweepStore
from tasks import paths
from tasks.chain import KINDS
from tasks.errors import CorruptArtifactError
from tasks.row import Row
from tasks.store import StageStore

WRITTEN = "written.txt"
"""Ids of the trials whose runs are complete, one a line."""
CLOSE_LIMIT = 60.0
"""Seconds that the end of a sweep waits for W&B."""
SUMMARY = (
    "clean_accuracy", "robust_accuracy", "attack_success_rate", "examples", "clean_correct", "robust_correct",
    "clean_accuracy_low", "clean_accuracy_high", "robust_accuracy_low", "robust_accuracy_high",
    "parameters", "nonzero_parameters", "macs", "pruning_ratio", "lambda", "eps_train", "attack_eps", "attack_steps",
)  # fmt: skip


def run_id(sweep_id: str, trial_id: str) -> str:
    """The id of a trial's run: the same in every launch."""
    return hashlib.sha256(f"{sweep_id}/{trial_id}".encode()).hexdigest()[:20]


def pending(sweep: SweepStore, finished: Mapping[str, Row]) -> list[str]:
    """Finished trials that have no complete run yet."""
    written = written_trials(sweep)
    return [trial_id for trial_id in finished if trial_id not in written]


def written_trials(sweep: SweepStore) -> set[str]:
    """Trials whose runs are complete."""
    try:
        return set(sweep.storage.read(sweep.path(paths.WANDB, WRITTEN)).decode().split())
    except FileNotFoundError:
        return set()


class WandbLog:
    """A queue of finished trials and the thread that writes their runs."""

    def __init__(self, sweep: SweepStore, store: StageStore, mode: str, project: str) -> None:
        """:param mode: `offline`, `online` or `disabled`."""
        self.notes: list[str] = []
        self._sweep, self._store, self._mode, self._project = sweep, store, mode, project
        self._queue: queue.Queue[Row | None] = queue.Queue()
        self._thread: threading.Thread | None = None
        self._written = written_trials(sweep) if mode != "disabled" else set()
        local = sweep.storage.local
        self._folder = Path(sweep.storage.path(sweep.path(paths.WANDB))) if local else Path("wandb") / sweep.sweep_id

    def add(self, row: Row) -> None:
        """Write the run of a finished trial, some time."""
        if self._mode == "disabled" or row["trial_id"] in self._written:
            return
        self._written.add(row["trial_id"])
        if self._thread is None:
            self._thread = threading.Thread(target=self._drain, name="wandb", daemon=True)
            self._thread.start()
        self._queue.put(row)

    def close(self) -> None:
        """Wait for what is queued, within limits; the next launch writes what is left."""
        if self._thread is None:
            return
        self._queue.put(None)
        self._thread.join(CLOSE_LIMIT)
        if self._thread.is_alive():
            self.notes.append("W&B did not end in time; the next launch writes what is missing")

    def _drain(self) -> None:
        try:
            wandb = self._begin()
            while (row := self._queue.get()) is not None:
                self._write(wandb, row)
                self._sweep.storage.append(self._sweep.path(paths.WANDB, WRITTEN), row["trial_id"])
            wandb.teardown()
        except Exception as error:  # nothing about W&B may end a sweep
            self.notes.append(f"W&B: {type(error).__name__}: {error}; runs are missing, the next launch writes them")

    def _begin(self) -> Any:
        self._folder.mkdir(parents=True, exist_ok=True)
        for name, folder in (("WANDB_DIR", ""), ("WANDB_DATA_DIR", "data"), ("WANDB_CACHE_DIR", "cache")):
            os.environ[name] = str(self._folder / folder)
        os.environ["WANDB_SILENT"] = "true"
        import wandb

        if self._mode == "online" and (reason := unreachable()):
            self.notes.append(f"W&B: {reason}; the runs are written offline, `wandb sync` sends them")
            self._mode = "offline"
        return wandb

    def _write(self, wandb: Any, row: Row) -> None:
        identity = run_id(self._sweep.sweep_id, row["trial_id"])
        self._discard_incomplete(identity)
        run = wandb.init(
            project=self._project,
            group=self._sweep.sweep_id,
            job_type="trial",
            name=_name(row),
            id=identity,
            tags=[row["dataset"], row["model"], row["attack"]],
            config={**json.loads(row["config"]), "trial_id": row["trial_id"], "sweep_id": self._sweep.sweep_id},
            mode=self._mode,
            reinit="create_new",
            settings=_settings(wandb),
        )
        for stage, entries in self._histories(row):
            run.define_metric(f"{stage}/epoch")
            run.define_metric(f"{stage}/*", step_metric=f"{stage}/epoch")
            for entry in entries:
                run.log({f"{stage}/{name}": value for name, value in entry.items() if value is not None})
        run.summary.update({name: row[name] for name in SUMMARY if row[name] is not None})
        run.finish()

    def _histories(self, row: Row) -> list[tuple[str, list[dict[str, Any]]]]:
        """The epochs of every stage of the trial that has any."""
        import pyarrow.parquet as pq

        found: list[tuple[str, list[dict[str, Any]]]] = []
        for kind in KINDS:
            key = row[f"{kind}_key"]
            if key is None:
                continue
            try:
                record = self._store.record(key)
                if paths.HISTORY not in record["files"]:
                    continue
                table = pq.read_table(io.BytesIO(self._store.read(record, paths.HISTORY)))
            except (FileNotFoundError, CorruptArtifactError):
                continue
            found.append((kind, table.drop_columns(["stage_key", "stage"]).to_pylist()))
        return found

    def _discard_incomplete(self, identity: str) -> None:
        """Remove what a killed launch left of this run: written twice, its rows would stand twice."""
        for folder in self._folder.glob(f"wandb/*-{identity}"):
            shutil.rmtree(folder, ignore_errors=True)


def _settings(wandb: Any) -> Any:
    return wandb.Settings(
        console="off",
        silent=True,
        x_disable_stats=True,
        x_disable_machine_info=True,
        disable_git=True,
        disable_code=True,
        x_save_requirements=False,
        init_timeout=10,
        finish_timeout=20,
        x_transaction_log_flush_interval=1,
    )


def _name(row: Row) -> str:
    parts = [row["dataset"], row["model"], f"p{row['pruning_ratio']:g}"]
    if row["lambda"] is not None:
        parts.append(f"l{row['lambda']:g}")
    return "-".join([*parts, row["attack"], f"s{row['seed']}", row["trial_id"][:6]])


def unreachable(timeout: float = 5.0) -> str | None:
    """Why W&B cannot be reached with the key there is; null if it can."""
    import base64
    import urllib.request

    import wandb

    base = os.environ.get("WANDB_BASE_URL") or wandb.Settings().base_url
    key = wandb.sdk.lib.apikey.api_key()
    if not key:
        return "no key: set WANDB_API_KEY or run `wandb login`"
    request = urllib.request.Request(
        f"{base}/graphql",
        data=json.dumps({"query": "query Viewer { viewer { id } }"}).encode(),
        headers={
            "Content-Type": "application/json",
            "Authorization": "Basic " + base64.b64encode(f"api:{key}".encode()).decode(),
        },
    )
    try:
        with urllib.request.urlopen(request, timeout=timeout) as answer:
            found = json.load(answer)
    except (OSError, ValueError) as error:
        return f"{base} cannot be reached: {error}"
    return None if (found.get("data") or {}).get("viewer") else "the key was not accepted"
