"""`report`: a page and figures of one sweep or of several."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import typer

from orchestrator.cli.options import JsonOption, print_answer
from orchestrator.options import DEFAULT_STORAGE, StorageOption, read_folder

FiguresOption = Annotated[
    list[str] | None,
    typer.Option(
        "--figure",
        metavar="NAME",
        help="Only this figure, as files: one that the space names, a kind, or the beginning of one. Repeatable.",
    ),
]


def report(
    sweeps: Annotated[list[str], typer.Argument(metavar="SWEEP...", help="Ids of sweeps, or their beginnings.")],
    storage: StorageOption = DEFAULT_STORAGE,
    data_dir: Annotated[
        Path | None,
        typer.Option(
            envvar="ADVSWEEP_DATA_DIR",
            parser=read_folder,
            metavar="DIR",
            help="Root of the data sets, for the names of classes; else numbers.",
        ),
    ] = None,
    out: Annotated[
        Path | None,
        typer.Option(parser=read_folder, metavar="DIR", help="Folder; default: the first sweep's own folder report/."),
    ] = None,
    formats: Annotated[
        str,
        typer.Option(
            help="Each figure as files beside the page, with commas between: svg, pdf, png. "
            "Default: none, the page alone; with --figure: all."
        ),
    ] = "",
    figures: FiguresOption = None,
    where: Annotated[
        list[str] | None,
        typer.Option(metavar="COLUMN=VALUE", help="With --figure: only trials that have it. Repeatable."),
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Write one page that answers in words and in figures, or figures for a paper; several sweeps compare.

    \b
    Examples:
      advsweep report digits
      advsweep report digits --formats svg,pdf,png
      advsweep report digits digits_long --out page --formats svg,pdf
      advsweep report digits --figure heat_map --where pruning_ratio=0.4 --where lambda=null
    """
    from orchestrator.report.write import write_figure_files, write_report
    from orchestrator.results.where import parse_where
    from orchestrator.store.sweep_store import find_sweep
    from tasks.errors import UsageError
    from tasks.storage.storage import open_storage

    wanted = _read_formats(formats)
    selection = parse_where(where or ())
    if selection and not figures:
        raise UsageError("--where goes with --figure: the page shows every trial, and has filters")
    opened = open_storage(storage)
    found = {sweep.sweep_id: sweep for sweep in (find_sweep(opened, name) for name in sweeps)}
    if figures:
        drawn = write_figure_files(list(found.values()), figures, selection, out, wanted, data_dir)
        for note in drawn.notes:
            typer.echo(note, err=True)
        print_answer(json.dumps({"files": drawn.files}, indent=1) if as_json else "\n".join(drawn.files))
        return
    written = write_report(list(found.values()), out, wanted, data_dir)
    _print_written(written.page, written.files, as_json)


def _read_formats(written: str) -> list[str]:
    """The kinds of files that are asked for, each once.

    :raises UsageError: there is no such kind.
    """
    from orchestrator.report.figures.files import FORMATS
    from tasks.errors import UsageError, list_choices

    wanted = list(dict.fromkeys(part.strip().lower() for part in written.split(",") if part.strip()))
    for form in wanted:
        if form not in FORMATS:
            raise UsageError(f"--formats {form}: {list_choices(FORMATS, form)}")
    return wanted


def _print_written(page: str, paths: Sequence[str], as_json: bool) -> None:
    if as_json:
        print_answer(json.dumps({"page": page, "files": list(paths)}, indent=1))
        return
    beside = len(paths) - 1
    files = f"and {beside} figures beside it" if beside else "(--formats svg,pdf,png: each figure as a file too)"
    typer.echo(f"{page} {files}")
