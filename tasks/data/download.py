"""Download a data set with torchvision's own code, or say what to put where."""

from __future__ import annotations

import contextlib
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
    missing = [place for place in (folder, *folder.parents) if not place.exists()]
    for number, arguments in enumerate(parts):
        progress(f"downloading {title}", number, len(parts))
        try:
            getattr(datasets, title)(root=str(folder), download=True, **arguments)
        except (OSError, RuntimeError) as error:
            _remove_empty_folders(missing)
            raise UsageError(
                f"{title} could not be downloaded: {error}. Without a network, put into {folder}: {files}"
            ) from error
    progress(f"downloading {title}", len(parts), len(parts))


def _remove_empty_folders(made: Sequence[Path]) -> None:
    """Leave no trace of a download that brought nothing.

    :param made: folders that were not there before, the innermost first.
    """
    inner = sorted((path for path in made[0].rglob("*") if path.is_dir()), reverse=True) if made else []
    for folder in (*inner, *made):
        with contextlib.suppress(OSError):  # it holds something, or was never made
            folder.rmdir()
