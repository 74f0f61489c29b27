"""`export`: the model of a trial, for plain torch."""

import json
from pathlib import Path
from typing import Annotated

import typer

from orchestrator.cli.options import JsonOption, TrialArgument, print_answer
from orchestrator.options import DEFAULT_STORAGE, DataDirOption, StorageOption, read_folder


def export(
    trial: TrialArgument,
    out: Annotated[Path, typer.Option(parser=read_folder, metavar="DIR", help="Folder that is made.")],
    storage: StorageOption = DEFAULT_STORAGE,
    data_dir: DataDirOption = None,
    as_json: JsonOption = False,
) -> None:
    """Write the model of a trial so that plain torch loads it: weights, code, preprocessing, an example.

    \b
    Examples:
      advsweep export 3f0a --out model
      python model/example.py
    """
    from orchestrator.results.export import export_trial
    from tasks.storage.storage import open_storage

    folder = export_trial(open_storage(storage), trial, out, data_dir)
    example = folder / "example.py"
    if as_json:
        print_answer(json.dumps({"folder": str(folder), "example": str(example)}, indent=1))
        return
    typer.echo(f"{folder}: run `python {example}`")
