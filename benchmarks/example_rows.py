"""A finished sweep with as many example rows as one likes: files as attack stages write them, numbers by chance."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from benchmarks import sleeping
from orchestrator.plan.plan import plan_text
from orchestrator.store.sweep_store import SweepStore
from tasks import paths
from tasks.schema import EXAMPLES
from tasks.storage.storage import establish_storage, open_storage
from tasks.trial.row import make_finished_row

QUERIES = {
    "mean over all": ["--sql", "select count(*), avg(robust::int), avg(linf) from examples"],
    "per trial": [
        "--sql",
        "select t.trial_id, avg(e.robust::int) as robust from trials t join examples e on e.stage_key = t.attack_key "
        "group by all order by robust limit 5",
    ],
    "most fooled": [
        "--sql",
        'select "index", count(*) filter (not robust) fooled from examples group by all order by fooled desc limit 3',
    ],
    "one stage": ["--sql", "select count(*) from examples where stage_key = (select min(attack_key) from trials)"],
}
"""What it is called -> options of `advsweep results`."""


def write(folder: Path, stages: int, images: int) -> str:
    """Write a sweep whose every trial has an attack of its own; returns the sweep id.

    :param images: rows of each attack.
    """
    plan = sleeping.grid(stages // 10, 1, 1, 10)
    storage = open_storage(folder)
    establish_storage(storage)
    sweep = SweepStore(storage, plan.sweep_id)
    storage.write(sweep.path(paths.PLAN), plan_text(plan))
    storage.write(sweep.path(paths.SPACE), b"{}")
    draw = np.random.default_rng(0)
    rows = []
    for planned in plan.trials:
        key = planned.chain[-1].key
        table = _examples(key, images, draw)
        robust = int(np.count_nonzero(table["robust"]))
        counts = {"examples": images, "clean_correct": images, "robust_correct": robust}
        record = {
            "metrics": {**counts, "parameters": 0, "nonzero_parameters": 0, "macs": 0},
            "device": "cpu",
            "versions": {},
            "seconds": 1.0,
            "started_at": "2026-01-01T00:00:00+00:00",
            "finished_at": "2026-01-01T00:00:00+00:00",
        }
        row = make_finished_row(planned.trial, planned.chain, {key: record})
        rows.append(row | {"sweep_id": plan.sweep_id, "space": plan.space.name})
        target = folder / paths.STAGES / key
        target.mkdir(parents=True)
        sink = io.BytesIO()
        pq.write_table(table, sink, compression="zstd")
        (target / paths.EXAMPLES).write_bytes(sink.getvalue())
        (target / paths.STAGE_RECORD).write_text("{}")
    sweep.write_rows(rows)
    return plan.sweep_id


def _examples(key: str, images: int, draw: np.random.Generator) -> pa.Table:
    labels = draw.integers(0, 10, images)
    sizes = {name: draw.random(images) for name in ("linf", "l2", "l1", "clean_confidence", "adversarial_confidence")}
    columns = {
        "stage_key": pa.array([key] * images),
        "index": np.arange(images),
        "label": labels,
        "target": pa.nulls(images, pa.int32()),
        "clean_prediction": labels,
        "adversarial_prediction": draw.integers(0, 10, images),
        "l0": draw.integers(0, 3072, images),
        "robust": draw.random(images) < 0.4,
        **sizes,
    }
    return pa.table({name: columns[name] for name in EXAMPLES.names}).cast(EXAMPLES)
