"""What a W&B run of a finished trial holds, made from its row and the artifacts of its stages alone. No W&B here."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from orchestrator.results.bounds import is_lower_bound
from orchestrator.results.stage_tables import load_stage_table
from orchestrator.tracking.folder import run_id
from orchestrator.tracking.pictures import compose_picture
from tasks import paths
from tasks.evaluation.preview import load_preview
from tasks.kinds import KINDS
from tasks.schema import EXAMPLES, HISTORY
from tasks.storage.stage_store import StageStore
from tasks.trial.row import Row

TRIAL, SWEEP = "trial", "sweep"
"""Job types."""
DEEPEST = 4
"""Levels of the configuration; W&B shows three dots in a name."""
MOST_CLASSES = 100
"""A larger confusion matrix says nothing as a picture, and has more rows than W&B draws."""
LONGEST_TAG = 64
CONFUSION = "wandb/confusion_matrix/v1"
"""W&B's own drawing of a confusion matrix."""
MATRIX = ("Actual", "Predicted", "nPredictions")
"""Columns of the table that it draws."""
SUMMARY = (
    "clean_accuracy", "robust_accuracy", "attack_success_rate", "examples", "clean_correct", "robust_correct",
    "clean_accuracy_low", "clean_accuracy_high", "robust_accuracy_low", "robust_accuracy_high",
    "parameters", "nonzero_parameters", "macs", "inference_seconds", "pruning_ratio", "lambda", "eps_train",
    "train_steps", "attack_eps", "attack_steps", *(f"{kind}_seconds" for kind in KINDS),
)  # fmt: skip


@dataclass(frozen=True)
class Table:
    """Rows under named columns."""

    columns: Sequence[str]
    rows: Sequence[Sequence[Any]]


@dataclass(frozen=True)
class RunContent:
    """Everything of one W&B run, before W&B hears of it."""

    key: str
    id: str
    group: str
    job_type: str
    name: str
    tags: Sequence[str]
    config: Mapping[str, Any]
    summary: Mapping[str, Any]
    histories: Mapping[str, Sequence[Mapping[str, Any]]]
    """Name of an axis -> entries, each with the place on the axis under its own name: `train/epoch`."""
    axes: Mapping[str, str] = field(default_factory=dict)
    """Prefix of metrics -> the metric that is their horizontal axis."""
    images: Mapping[str, bytes] = field(default_factory=dict)
    """PNG files."""
    confusion: Mapping[str, Table] = field(default_factory=dict)
    tables: Mapping[str, Table] = field(default_factory=dict)
    files: Mapping[str, Sequence[Path]] = field(default_factory=dict)
    """Artifact -> its files."""


def build_trial_run(row: Row, store: StageStore, name: str, classes: Sequence[str] = ()) -> RunContent:
    """The run of a finished trial. What an artifact no longer has, the run lacks.

    :param name: under which it is listed.
    :param classes: names of the classes; without them their numbers.
    """
    histories = _read_histories(row, store)
    examples = _read_examples(row, store)
    preview = load_preview(store, row["attack_key"])
    shown = compose_picture(preview, examples, classes) if preview is not None and examples is not None else None
    return RunContent(
        key=row["trial_id"],
        id=run_id(row["sweep_id"], row["trial_id"]),
        group=row["sweep_id"],
        job_type=TRIAL,
        name=name,
        tags=list(dict.fromkeys(str(row[name])[:LONGEST_TAG] for name in ("dataset", "model", "attack"))),
        config=flatten_config(json.loads(row["config"])) | {"trial_id": row["trial_id"], "sweep_id": row["sweep_id"]},
        summary={name: row[name] for name in SUMMARY if row[name] is not None},
        histories=histories,
        axes={stage: f"{stage}/epoch" for stage in histories},
        images={"adversarial_examples": shown} if shown else {},
        confusion=_build_confusion(row, examples, classes),
    )


def flatten_config(config: Mapping[str, Any], levels: int = DEEPEST) -> dict[str, Any]:
    """The configuration with what lies deeper joined into longer names."""
    found: dict[str, Any] = {}
    for name, value in config.items():
        if isinstance(value, Mapping) and levels > 1:
            found[name] = flatten_config(value, levels - 1)
        elif isinstance(value, Mapping):
            found |= {f"{name}_{below}": deep for below, deep in flatten_config(value, 1).items()}
        else:
            found[name] = value
    return found


def _read_histories(row: Row, store: StageStore) -> dict[str, list[dict[str, Any]]]:
    """The epochs of every stage of the trial that has any."""
    found: dict[str, list[dict[str, Any]]] = {}
    for kind in KINDS:
        key = row[f"{kind}_key"]
        table = None if key is None else load_stage_table(store, key, paths.HISTORY, HISTORY)
        if table is not None:
            entries = table.drop_columns(["stage_key", "stage"]).to_pylist()
            found[kind] = [
                {f"{kind}/{name}": value for name, value in entry.items() if value is not None} for entry in entries
            ]
    return found


def _read_examples(row: Row, store: StageStore) -> pa.Table | None:
    """The attacked images; a certificate has none."""
    if is_lower_bound(row):
        return None
    return load_stage_table(store, row["attack_key"], paths.EXAMPLES, EXAMPLES)


def _build_confusion(row: Row, examples: pa.Table | None, classes: Sequence[str]) -> dict[str, Table]:
    count = row["classes"] or len(classes)
    if examples is None or not count or count > MOST_CLASSES:
        return {}
    names = [str(name) for name in classes] if len(classes) == count else [str(number) for number in range(count)]
    label = examples["label"].to_numpy()
    return {
        f"confusion_{when}": _build_matrix(label, examples[f"{when}_prediction"].to_numpy(), names)
        for when in ("clean", "adversarial")
    }


def _build_matrix(label: NDArray[Any], predicted: NDArray[Any], names: Sequence[str]) -> Table:
    counts = np.zeros((len(names), len(names)), dtype=int)
    np.add.at(counts, (label, predicted), 1)
    cells = [[actual, said, int(counts[i, j])] for i, actual in enumerate(names) for j, said in enumerate(names)]
    return Table(MATRIX, cells)
