"""The model of a trial, for anyone who has torch and not advsweep."""

from __future__ import annotations

from pathlib import Path

from orchestrator.store.sweep_store import find_trial
from tasks.data.settings import DatasetSettings
from tasks.data.source import inspect_dataset
from tasks.errors import UsageError
from tasks.local_paths import parse_local_path
from tasks.storage.stage_store import StageStore
from tasks.storage.storage import Storage
from tasks.trial.read import read_row


def export_trial(storage: Storage, name: str, folder: Path, data_dir: Path | None) -> Path:
    """Write the final model of a finished trial to a folder.

    :param name: a trial id, or the beginning of one.
    :raises UsageError: there is no such trial, it has no model yet, or the folder is there already.
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
    return export_model(StageStore(storage), key, folder, dataset=trial.dataset, classes=found.classes, size=size)


def _find_image_size(settings: DatasetSettings, data_dir: Path | None) -> tuple[int, int]:
    """Height and width of images that are used as they are."""
    from tasks.data.loading import load_splits

    height, width = load_splits(settings, data_dir).test.image_shape[-2:]
    return int(height), int(width)
