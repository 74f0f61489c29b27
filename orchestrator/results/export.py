"""The model of a trial, for anyone who has torch and not advsweep."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from orchestrator.store.sweep_store import find_trial
from tasks.data.settings import DatasetSettings
from tasks.data.source import inspect_dataset
from tasks.errors import UsageError
from tasks.local_paths import parse_local_path
from tasks.settings import CODE
from tasks.storage.stage_store import StageStore
from tasks.storage.storage import Storage
from tasks.transformations.settings import InferenceSettings
from tasks.trial.read import read_row
from tasks.trial.trial import Trial

if TYPE_CHECKING:
    from torch import Tensor


def export_trial(storage: Storage, name: str, folder: Path, data_dir: Path | None) -> Path:
    """Write the final model of a finished trial to a folder, and the transformations that it stands behind.

    :param name: a trial id, or the beginning of one.
    :raises UsageError: there is no such trial, it has no model yet, code of a user's own has changed since, or the
        folder is there already.
    """
    folder = parse_local_path(folder, "--out")
    if folder.exists():
        raise UsageError(f"--out {folder}: exists already")
    sweep, keys, stages = find_trial(storage, name)
    row = next((row for row in sweep.rows() if row["attack_key"] == keys[-1] and row["status"] == "finished"), None)
    if row is None:
        raise UsageError(f"trial {name} is not finished: it has no model to export")
    trial = read_row(row)
    found = inspect_dataset(trial.dataset, data_dir)
    from tasks.models.export import export_model

    key = stages[keys[-1]]["upstream"]["model"]
    size = (trial.dataset.image_size,) * 2 if trial.dataset.image_size else _find_image_size(trial.dataset, data_dir)
    channels = trial.dataset.channels or found.channels
    beside: dict[str, Any] = {}
    if trial.inference is not None:
        planned = (stages[keys[-1]]["settings"].get("inference") or {}).get(CODE)
        beside = _write_defence(trial, trial.inference, planned or {}, channels, size, data_dir)
    return export_model(
        StageStore(storage), key, folder, dataset=trial.dataset, classes=found.classes, size=size, **beside
    )


def _write_defence(
    trial: Trial,
    inference: InferenceSettings,
    code: Mapping[str, str],
    channels: int,
    size: tuple[int, int],
    data_dir: Path | None,
) -> dict[str, Any]:
    """The arguments of `export_model` for a model that answers behind transformations."""
    from tasks.data.images import convert_to_float
    from tasks.data.loading import load_splits
    from tasks.models.export import list_plugin_files
    from tasks.transformations.export import LOAD, check_code, list_plugins, write_defence

    check_code(inference, code)

    def load_training_images() -> Tensor:
        return convert_to_float(load_splits(trial.dataset, data_dir).train.pixels)

    files = write_defence(inference, trial.seed, channels, size, load_training_images)
    return {"beside": {**list_plugin_files(list_plugins(inference)), **files}, "load": LOAD}


def _find_image_size(settings: DatasetSettings, data_dir: Path | None) -> tuple[int, int]:
    """Height and width of images that are used as they are."""
    from tasks.data.loading import load_splits

    height, width = load_splits(settings, data_dir).test.image_shape[-2:]
    return int(height), int(width)
