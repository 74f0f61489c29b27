"""Options that several commands share."""

from __future__ import annotations

from enum import Enum
from pathlib import Path
from typing import Annotated

import typer

SpaceOption = Annotated[str, typer.Option("--space", help="A shipped space (see `advsweep spaces`) or a YAML file.")]
SetOption = Annotated[
    list[str] | None,
    typer.Option("--set", metavar="K=V", help="Override a setting, such as prune.ratio=0.3; may be given often."),
]
StorageOption = Annotated[
    str, typer.Option(envvar="ADVSWEEP_STORAGE", help="Folder or URI that keeps stages and results.")
]
DataDirOption = Annotated[
    Path | None, typer.Option(envvar="ADVSWEEP_DATA_DIR", help="Root of the data sets that live on disk.")
]
AddressOption = Annotated[
    str | None,
    typer.Option(envvar="ADVSWEEP_ADDRESS", help="A cluster whose jobs are meant: http://HEAD:8265."),
]
JsonOption = Annotated[bool, typer.Option("--json", help="Print JSON.")]
VerifyOption = Annotated[
    bool, typer.Option("--verify", help="Add attacks that make more checks of the numbers possible.")
]
SweepArgument = Annotated[str, typer.Argument(help="The id of a sweep, or the beginning of one.")]
DEFAULT_STORAGE = "results"


class WandbMode(str, Enum):
    """Where W&B runs go."""

    offline = "offline"
    online = "online"
    disabled = "disabled"


class Format(str, Enum):
    """How a table is printed."""

    table = "table"
    csv = "csv"
    json = "json"
