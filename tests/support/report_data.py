"""Finished sweeps for reports, without running them: real spaces, plans and rows, and made-up counts."""

from __future__ import annotations

import contextlib
import functools
import json
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from orchestrator.plan.plan import Plan, PlannedTrial, make_plan, plan_text
from orchestrator.space import space as spaces
from orchestrator.space.space import format_resolved
from orchestrator.store.sweep_store import SweepStore
from tasks import paths
from tasks.evaluation.preview import Preview
from tasks.schema import EXAMPLES
from tasks.stages.run import run_chain
from tasks.storage.stage_store import StageStore
from tasks.storage.storage import Storage, open_storage
from tasks.trial.row import Row, compute_rates, make_failed_row, make_finished_row
from tests.support.small import context

IMAGES = 120
TIME = "2026-01-01T00:00:00+00:00"

GRID: dict[str, Any] = {
    "seed": {"grid_search": [0, 1, 2]},
    "dataset": {"name": "digits", "image_size": 16},
    "model": {"name": "resnet8"},
    "train": {"epochs": 2, "optimizer": {"name": "sgd", "lr": 0.1}},
    "prune": {"ratio": {"grid_search": [0.0, 0.4]}},
    "adversarial_finetune": {
        "grid_search": [
            None,
            {
                "lambda": {"grid_search": [0.5, 0.9]},
                "epochs": 1,
                "optimizer": {"name": "sgd", "lr": 0.02},
                "attack": {"name": "ifgsm", "eps": {"grid_search": ["8/255", "24/255"]}, "steps": 3},
            },
        ]
    },
    "attack": {
        "name": "ifgsm",
        "eps": {"grid_search": ["8/255", "16/255", "32/255"]},
        "steps": {"grid_search": [1, 10]},
        "examples": IMAGES,
    },
}
"""180 trials: ten configurations, three seeds, six attacks."""
WITHOUT_TUNING = {name: part for name, part in GRID.items() if name != "adversarial_finetune"}
"""36 trials of two configurations."""


def accuracies(row: Row) -> tuple[float, float]:
    """Clean and robust accuracy by a known rule: pruning costs 4 points of clean and 10 of robust accuracy, lambda
    changes nothing beyond being there, a seed adds its own hundredth.
    """
    clean = 0.95 - 0.1 * row["pruning_ratio"] - 0.01 * row["seed"]
    hardness = (row["attack_eps"] or 0.05) * (0.3 if row["attack_steps"] == 1 else 1)
    defence = 0.5 if row["lambda"] else 0.0
    robust = clean - hardness * 8 * (1 - defence) - 0.25 * row["pruning_ratio"]
    return clean, max(0.0, robust)


Rule = Callable[[Row], tuple[float, float]]


@contextlib.contextmanager
def write_at_once() -> Iterator[None]:
    """Wait for no disk, which takes as long as everything else: what is made up need not survive a power cut."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(os, "fsync", lambda _: None)
        yield


@write_at_once()
def made_up(
    folder: Path,
    content: Mapping[str, Any] = GRID,
    name: str = "made",
    *,
    rule: Rule = accuracies,
    images: bool = True,
    shown: Callable[[Row], Sequence[int]] = lambda _: range(4),
    finished: Callable[[int], bool] = lambda _: True,
    failed: Callable[[int], bool] = lambda _: False,
) -> SweepStore:
    """A sweep whose trials are finished, failed, or missing, by their place in the plan.

    :param images: whether the rows of each attacked image are stored too.
    :param shown: places of the images that a trial keeps; none: it has no file of them, as in older versions.
    """
    storage = open_storage(folder)
    plan, described = _describe_trials(json.dumps(content), name)
    sweep = SweepStore(storage, plan.sweep_id)
    storage.write(sweep.path(paths.PLAN), plan_text(plan))
    storage.write(sweep.path(paths.SPACE), format_resolved(plan.space).encode())
    rows = []
    for place, planned in enumerate(plan.trials):
        if failed(place):
            rows.append(make_failed_row(planned.trial, planned.chain, "out of <b>memory</b>"))
        elif finished(place):
            rows.append(_finished(planned, described[place], plan, storage, rule, shown if images else None))
    if rows:
        sweep.write_rows([{**row, "sweep_id": plan.sweep_id, "space": name} for row in rows])
    return sweep


@functools.lru_cache(maxsize=64)
def _describe_trials(content: str, name: str) -> tuple[Plan, list[Row]]:
    """The plan of a space, which many tests have, and the row of each of its trials if it left no image right.

    :param content: of the space, as JSON.
    """
    plan = make_plan(spaces.build(name, name, json.loads(content)), None)
    return plan, [
        make_finished_row(
            planned.trial, planned.chain, {stage.key: _make_record(planned, 0, 0) for stage in planned.chain}
        )
        for planned in plan.trials
    ]


def _make_record(planned: PlannedTrial, clean: int, robust: int) -> dict[str, Any]:
    """What an attack found: so many images right, and right under attack."""
    total = planned.trial.attack.examples or IMAGES
    metrics = {"examples": total, "clean_correct": clean, "robust_correct": robust, "classes": 10, "parameters": 1,
               "nonzero_parameters": 1, "macs": 1, "gradient_images": total, "zero_gradients": 0,
               "deterministic": True}  # fmt: skip
    return {"metrics": metrics, "device": "cpu", "versions": {}, "seconds": 2.0, "started_at": TIME,
            "finished_at": TIME}  # fmt: skip


def _finished(
    planned: PlannedTrial,
    row: Row,
    plan: Plan,
    storage: Storage,
    rule: Rule,
    shown: Callable[[Row], Sequence[int]] | None,
) -> Row:
    total = row["examples"]
    clean, robust = (round(total * share) for share in rule(row))
    if shown is not None:
        record = _make_record(planned, clean, robust)
        _publish(storage, planned, plan.sweep_id, record, clean, robust, shown(row))
    return {**row, "clean_correct": clean, "robust_correct": robust, **compute_rates(total, clean, robust)}


def _publish(
    storage: Storage, planned: PlannedTrial, sweep_id: str, record: dict[str, Any], clean: int, robust: int,
    shown: Sequence[int],
) -> None:  # fmt: skip
    """The artifact of an attack: the first images are robust, those after them only correct, the last ones wrong."""
    store, stage = StageStore(storage), planned.chain[-1]
    draft = store.make_draft()
    count = record["metrics"]["examples"]
    place = np.arange(count)
    label = place % 10
    held, right = place < robust, place < clean
    columns = {
        "stage_key": [stage.key] * count, "index": place, "label": label,
        "clean_prediction": np.where(right, label, (label + 1) % 10),
        "adversarial_prediction": np.where(held, label, (label + 3) % 10),
        "clean_confidence": np.linspace(0.5, 1, count), "adversarial_confidence": np.linspace(0.3, 0.9, count),
        "linf": np.zeros(count), "l2": np.zeros(count), "l1": np.zeros(count), "l0": np.zeros(count, np.int32),
        "robust": held,
    }  # fmt: skip
    nothing = pa.nulls(count)
    known = [pa.array(columns.get(field.name, nothing)).cast(field.type) for field in EXAMPLES]
    table = pa.table(known, schema=EXAMPLES)
    pq.write_table(table, draft / paths.EXAMPLES)
    if shown:
        (draft / paths.PREVIEW).write_bytes(preview_of(shown, robust).to_bytes())
    store.publish(
        stage.key, draft, {**stage.identity, "model_settings": stage.model.document(), **record, "sweep_id": sweep_id}
    )


def preview_of(shown: Sequence[int], robust: int) -> Preview:
    """Images 4x4 as bright as their place; the perturbation is as bright as the number of robust images."""
    index = np.array(shown, np.int64)
    original = np.broadcast_to(index.astype(np.uint8)[:, None, None, None], (len(index), 1, 4, 4)).copy()
    return Preview(index, original, np.full(original.shape, robust / 255, np.float16))


def really_run(folder: Path, content: Mapping[str, Any], name: str, data_dir: Path | None = None) -> SweepStore:
    """A sweep whose every stage is computed, in this process."""
    plan = make_plan(spaces.build(name, name, dict(content)), data_dir)
    at = context(folder, data_dir)
    at = replace(at, sweep_id=plan.sweep_id)
    sweep = SweepStore(at.store.storage, plan.sweep_id)
    sweep.storage.write(sweep.path(paths.PLAN), plan_text(plan))
    sweep.storage.write(sweep.path(paths.SPACE), format_resolved(plan.space).encode())
    rows = [make_finished_row(planned.trial, planned.chain, run_chain(planned.chain, at)) for planned in plan.trials]
    sweep.write_rows([{**row, "sweep_id": plan.sweep_id, "space": name} for row in rows])
    return sweep
