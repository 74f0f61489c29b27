"""The options of a launch, each declared once, and the exit codes of a command.

From a field of `LaunchOptions` come an option of the command line with its help, and the words that tell it to a head.
"""

from __future__ import annotations

import inspect
from collections.abc import Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Annotated, Any, Literal, get_args, get_origin, get_type_hints

import typer
from typer.models import OptionInfo

FINISHED, SOME_FAILED, INTERRUPTED = 0, 1, 130
"""Exit codes; 2 is wrong usage."""

DeviceChoice = Literal["auto", "cpu", "cuda"]
WandbMode = Literal["offline", "online", "disabled"]

DEFAULT_STORAGE = "results"
STORAGE_VARIABLE = "ADVSWEEP_STORAGE"
"""Environment variable: the storage of commands that are told none."""


def read_folder(text: str) -> Path:
    """A folder as it was written. An empty one, as an unset variable of a shell is, would be the working directory."""
    if not text.strip():
        raise typer.BadParameter("is empty; is a variable of the shell unset? Write `.` for the working directory")
    return Path(text)


SpaceOption = Annotated[str, typer.Option("--space", help="A shipped space (see `advsweep spaces`) or a YAML file.")]
SetOption = Annotated[
    Sequence[str],
    typer.Option("--set", metavar="K=V", help="Override a setting, such as prune.ratio=0.3; may be given often."),
]
StorageOption = Annotated[
    str, typer.Option(envvar=STORAGE_VARIABLE, help="Folder or URI that keeps stages and results.")
]
DataDirOption = Annotated[
    Path | None,
    typer.Option(
        envvar="ADVSWEEP_DATA_DIR", parser=read_folder, metavar="DIR", help="Root of the data sets that live on disk."
    ),
]
PluginOption = Annotated[
    Sequence[str],
    typer.Option(
        "--plugin",
        metavar="FILE.py|MODULE",
        help="A module of your own that brings models, data sets, attacks and the like; may be given often.",
    ),
]
DeviceOption = Annotated[
    DeviceChoice,
    typer.Option(
        help="auto: GPUs where there are any; cpu: none; cuda: refused where there is no GPU. Part of no key."
    ),
]
AddressOption = Annotated[
    str, typer.Option(envvar="ADVSWEEP_ADDRESS", help="local, auto, HEAD:6379, ray://HEAD:10001 or http://HEAD:8265.")
]
VerifyOption = Annotated[
    bool, typer.Option("--verify", help="Add attacks that make more checks of the numbers possible.")
]


@dataclass(frozen=True)
class LaunchOptions:
    """The options of one launch."""

    space: SpaceOption
    overrides: SetOption = ()
    storage: StorageOption = DEFAULT_STORAGE
    data_dir: DataDirOption = None
    address: AddressOption = "local"
    cpus_per_trial: Annotated[float | None, typer.Option(help="CPUs of a running job; default 1.")] = None
    gpus_per_trial: Annotated[
        float | None, typer.Option(help="GPUs of a running job, a share of one; default: by kind, where there are any.")
    ] = None
    device: DeviceOption = "auto"
    max_concurrent: Annotated[int | None, typer.Option(min=1, help="Jobs that run at once.")] = None
    max_failures: Annotated[int, typer.Option(min=0, help="Retries of a job after errors of its own.")] = 1
    max_preemptions: Annotated[int, typer.Option(min=0, help="Retries of a job whose worker was lost.")] = 10
    timeouts: Annotated[
        Sequence[str],
        typer.Option("--timeout", metavar="KIND=SECONDS", help="End runs that take longer; may be given often."),
    ] = ()
    wandb: Annotated[WandbMode, typer.Option(help="Where W&B runs go.")] = "offline"
    wandb_runs: Annotated[
        int, typer.Option(min=0, help="A sweep of more trials is one W&B run with tables, and none for each trial.")
    ] = 1000
    project: Annotated[str, typer.Option(help="W&B project.")] = "advsweep"
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Show the plan, start nothing.")] = False
    fresh: Annotated[bool, typer.Option("--fresh", help="Compute again what is stored.")] = False
    verify: VerifyOption = False
    plugins: PluginOption = ()
    cpus: int | None = None
    """CPUs of a private Ray; null: those that this process may use. No option of the command line."""
    gpus: int | None = None
    """GPUs of a private Ray; null: those that Ray finds. No option of the command line."""


def list_parameters(options: type[Any]) -> list[inspect.Parameter]:
    """The fields of a dataclass that are options of the command line, as parameters of a Typer command."""
    hints = get_type_hints(options, include_extras=True)
    return [
        inspect.Parameter(
            field.name,
            inspect.Parameter.KEYWORD_ONLY,
            default=getattr(options, field.name, inspect.Parameter.empty),
            annotation=hints[field.name],
        )
        for field in fields(options)
        if _find_declaration(hints[field.name])
    ]


def format_arguments(options: LaunchOptions) -> tuple[str, ...]:
    """The words of a command line that say what these options say: those that differ from their defaults."""
    words: list[str] = []
    for parameter in list_parameters(type(options)):
        value = getattr(options, parameter.name)
        flag = _find_flag(parameter)
        if value is True:
            words.append(flag)
        elif value != parameter.default:
            values = value if isinstance(value, Sequence) and not isinstance(value, str) else [value]
            words += [f"{flag}={item}" for item in values]
    return tuple(words)


def _find_flag(parameter: inspect.Parameter) -> str:
    declaration = _find_declaration(parameter.annotation)
    # in `Annotated` Typer keeps the first name of an option where a default stands elsewhere
    named = declaration and isinstance(declaration.default, str) and declaration.default
    return named or f"--{parameter.name.replace('_', '-')}"


def _find_declaration(annotation: Any) -> OptionInfo | None:
    extras = get_args(annotation)[1:] if get_origin(annotation) is Annotated else ()
    return next((extra for extra in extras if isinstance(extra, OptionInfo)), None)
