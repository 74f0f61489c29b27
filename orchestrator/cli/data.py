"""`data prepare`: bring a data set onto this machine ahead of a sweep."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated, Any

import typer

from orchestrator.cli.options import adapt_command
from orchestrator.options import DataDirOption, SetOption

if TYPE_CHECKING:
    from tasks.data.settings import DatasetSettings

REPORTS = 20
"""Lines of progress per step at the most."""

data = typer.Typer(help="Data sets on this machine.", no_args_is_help=True, rich_markup_mode=None)


@data.callback()
def _group() -> None:
    """Keeps `prepare` a command of its own."""


@data.command()
@adapt_command
def prepare(
    name: Annotated[str, typer.Argument(help="A data set, such as cifar10.")],
    data_dir: DataDirOption = None,
    overrides: SetOption = (),
) -> None:
    """Download a data set where it is missing, and decode what would be slow to decode in a trial.

    \b
    Examples:
      advsweep data prepare cifar10 --data-dir data
      advsweep data prepare animals10 --data-dir data --set image_size=64
    """
    from tasks.data.prepare import prepare_dataset

    found = prepare_dataset(_read_settings(name, overrides), data_dir, _ProgressReporter())
    typer.echo(
        f"{name}: {found.train_images} training and {found.test_images} test images in {len(found.classes)} classes"
    )


def _read_settings(name: str, overrides: Sequence[str]) -> DatasetSettings:
    """:raises UsageError: a setting is wrong; the prefix `dataset.` may be left out."""
    from pydantic import ValidationError

    from orchestrator.space.overrides import apply_overrides
    from tasks.data.settings import DatasetSettings
    from tasks.errors import ProblemsError
    from tasks.settings_problems import describe_problems

    content: dict[str, Any] = {"dataset": {"name": name}}
    apply_overrides(content, [text if text.startswith("dataset.") else f"dataset.{text}" for text in overrides])
    try:
        return DatasetSettings.model_validate(content["dataset"])
    except ValidationError as error:
        raise ProblemsError("data prepare", describe_problems(error, DatasetSettings, "dataset")) from error


class _ProgressReporter:
    """Says every so many per cent what is being done."""

    def __init__(self) -> None:
        self._last = ("", -1)

    def __call__(self, what: str, done: int, total: int) -> None:
        part = REPORTS * done // max(total, 1)
        if (what, part) != self._last:
            self._last = (what, part)
            typer.echo(f"{what}: {done}/{total}")
