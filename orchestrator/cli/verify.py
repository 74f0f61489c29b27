"""`verify`: run what would settle the verdicts of a sweep."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from orchestrator.cli.options import Printing, SweepArgument
from orchestrator.options import DEFAULT_STORAGE, DataDirOption, DeviceOption, StorageOption

if TYPE_CHECKING:
    from orchestrator.verify.questions import Question
    from tasks.trial.row import Row


def verify(
    sweep: SweepArgument,
    *,
    storage: StorageOption = DEFAULT_STORAGE,
    data_dir: DataDirOption = None,
    device: DeviceOption = "auto",
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Show what would be run, start nothing.")] = False,
    printing: Printing,
) -> None:
    """Run the cheapest attacks that would settle each verdict which is not ok, and say how the numbers move.

    They are trials of a sweep of their own in the same storage: the models are there, so that attacks alone are run.

    \b
    Examples:
      advsweep verify digits --dry-run
      advsweep verify digits
      advsweep verify digits --json
    """
    from rich.console import Console

    from orchestrator.launch import launch_space
    from orchestrator.options import LaunchOptions
    from orchestrator.plan.plan import make_plan
    from orchestrator.store.sweep_store import SweepStore, find_sweep
    from orchestrator.verify.questions import list_questions, make_space, settle
    from tasks.storage.storage import open_storage

    found = find_sweep(open_storage(storage), sweep)
    questions = list_questions(found)
    if not questions:
        printing.show([], lambda: f"{found.sweep_id}: every verdict is ok, or nothing was tested")
        return
    rows: list[Row] = []
    code = 0
    if not dry_run and any(question.cells for question in questions):
        space = make_space(found, questions)
        options = LaunchOptions(space.name, (), storage, data_dir, device=device, wandb="disabled")
        code = launch_space(space, options, Console(stderr=True))
        rows = SweepStore(found.storage, make_plan(space, data_dir).sweep_id).rows()
    settled = [settle(question, rows, found) for question in questions]
    facts = [_list_cells(question, row) for question, row in zip(questions, settled, strict=True)]
    printing.show(
        facts, lambda: "\n".join(map(_describe, facts)), [{**row, "tried": len(row["tried"])} for row in facts]
    )
    raise typer.Exit(code)


def _list_cells(question: Question, row: Row) -> Row:
    """The cells that are not run yet stand in the answer too, with no number."""
    return {**row, "tried": {words: row["tried"].get(words) for words in question.cells}}


def _describe(row: Row) -> str:
    from orchestrator.text import format_eps, format_percent

    head = (
        f"{row['trial_id'][:7]}  {row['attack']} eps {format_eps(row['eps'])}: {format_percent(row['robust_before'])}"
    )
    if row["robust_after"] is not None:
        head += f" -> {format_percent(row['robust_after'])} of {row['examples']} images"
    lines = [f"{head}  ({row['verdict']}: {row['checks']})"]
    for words, robust in row["tried"].items():
        lines.append(f"    {words}" + ("" if robust is None else f": {format_percent(robust)}"))
    if not row["tried"]:
        lines.append("    no attack would settle it, or all that would were run")
    return "\n".join(lines)
