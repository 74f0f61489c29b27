"""Download a data set with torchvision's own code, or say what to put where."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from tasks.data.settings import DatasetSettings
from tasks.data.source import ReportProgress
from tasks.errors import UsageError


def download_dataset(
    title: str,
    settings: DatasetSettings,
    folder: Path | None,
    parts: Sequence[dict[str, Any]],
    files: str,
    progress: ReportProgress,
) -> None:
    """Download, check and unpack what is not there yet.

    :param title: the class in `torchvision.datasets`.
    :param parts: its arguments, once per part that is downloaded on its own.
    :param files: what belongs below the folder, and where it can be had.
    :raises UsageError: no folder was given, or the files cannot be downloaded or written from here.
    """
    from torchvision import datasets

    if folder is None:
        raise UsageError(f"{settings.name}: give --data-dir DIR, the folder to download to")
    for number, arguments in enumerate(parts):
        progress(f"downloading {title}", number, len(parts))
        try:
            getattr(datasets, title)(root=str(folder), download=True, **arguments)
        except (OSError, RuntimeError) as error:
            raise UsageError(
                f"{title} could not be downloaded: {error}. Without a network, put into {folder}: {files}"
            ) from error
    progress(f"downloading {title}", len(parts), len(parts))
