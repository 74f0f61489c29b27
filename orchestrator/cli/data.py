"""`data prepare`: bring a data set onto this machine."""

from typing import Annotated

import typer

from orchestrator.cli.options import DataDirOption, SetOption

data = typer.Typer(help="Data sets on this machine.", no_args_is_help=True, rich_markup_mode=None)


@data.callback()
def _group() -> None:
    """Keeps `prepare` a command of its own."""


@data.command()
def prepare(
    name: Annotated[str, typer.Argument(help="A data set, such as cifar10.")],
    data_dir: DataDirOption = None,
    overrides: SetOption = None,
) -> None:
    """Download a data set where it is missing, and decode what would be slow to decode in a trial."""
    from orchestrator.cli.prepare_data import prepare_dataset

    found = prepare_dataset(name, data_dir, overrides or (), typer.echo)
    typer.echo(
        f"{name}: {found.train_images} training and {found.test_images} test images in {len(found.classes)} classes"
    )
