"""Bring a data set onto this machine, ready for trials."""

from __future__ import annotations

from pathlib import Path

from tasks.data.settings import DatasetSettings
from tasks.data.source import Inspection, ReportProgress, inspect_dataset, load_source
from tasks.errors import UsageError
from tasks.local_paths import parse_local_path


def prepare_dataset(settings: DatasetSettings, data_dir: Path | None, progress: ReportProgress) -> Inspection:
    """Download a data set where it is not there yet, and decode what would be slow to decode in a trial.

    :param progress: told what is being done, how much is finished, how much there is.
    :returns: what is there now.
    :raises UsageError: it cannot be downloaded from here (the message says exactly what to put where), files are
        missing, or images are corrupt (counted and named).
    """
    known, folder = load_source(settings.name), settings.root or data_dir
    if folder is not None:
        folder = parse_local_path(folder, "--data-dir")
    try:
        found = inspect_dataset(settings, data_dir)
    except UsageError:
        if folder is not None and folder.exists() and not folder.is_dir():
            raise
        known.download(settings, folder, progress)
        found = inspect_dataset(settings, data_dir)
    known.decode(settings, folder, progress)
    return found
