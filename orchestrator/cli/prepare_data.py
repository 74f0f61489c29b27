"""Data sets outside a sweep: prepared ahead of it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from orchestrator.space.space import apply_override
from tasks.data.prepare import prepare
from tasks.data.settings import DatasetSettings
from tasks.data.source import Inspection
from tasks.errors import ProblemsError
from tasks.settings import describe_problems

REPORTS = 20
"""Lines of progress per step at the most."""


def prepare_dataset(
    name: str, data_dir: Path | None, overrides: Sequence[str], say: Callable[[str], None]
) -> Inspection:
    """Prepare a data set and say how it goes.

    :param overrides: settings such as `dataset.image_size=64`; the prefix may be left out.
    :raises UsageError: a setting is wrong, or the data cannot be had; the message says what to put where.
    """
    content: dict[str, Any] = {"dataset": {"name": name}}
    for text in overrides:
        apply_override(content, text if text.startswith("dataset.") else f"dataset.{text}")
    try:
        settings = DatasetSettings.model_validate(content["dataset"])
    except ValidationError as error:
        raise ProblemsError("data prepare", describe_problems(error, DatasetSettings, "dataset")) from error
    return prepare(settings, data_dir, _ProgressReporter(say))


class _ProgressReporter:
    """Says every so many per cent what is being done."""

    def __init__(self, say: Callable[[str], None]) -> None:
        self._say = say
        self._last = ("", -1)

    def __call__(self, what: str, done: int, total: int) -> None:
        part = REPORTS * done // max(total, 1)
        if (what, part) != self._last:
            self._last = (what, part)
            self._say(f"{what}: {done}/{total}")
