"""`export`: the model of a trial, for plain torch."""

from pathlib import Path
from typing import Annotated

import typer

from orchestrator.cli.options import TrialArgument
from orchestrator.options import DEFAULT_STORAGE, DataDirOption, StorageOption, read_folder


def export(
    trial: TrialArgument,
    out: Annotated[Path, typer.Option(parser=read_folder, metavar="DIR", help="Folder that is made.")],
    storage: StorageOption = DEFAULT_STORAGE,
    data_dir: DataDirOption = None,
) -> None:
    """Write the model of a trial so that plain torch loads it: weights, code, preprocessing, an example."""
    from orchestrator.results.export import export_trial
    from tasks.storage.storage import open_storage

    typer.echo(f"{export_trial(open_storage(storage), trial, out, data_dir)}: run `python {out / 'example.py'}`")
