"""`verify`: run what would settle the verdicts of a sweep."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from orchestrator.cli.options import Printing, SweepArgument
from orchestrator.options import DEFAULT_STORAGE, AddressOption, DataDirOption, DeviceOption, StorageOption

if TYPE_CHECKING:
    from tasks.trial.row import Row


def verify(
    sweep: SweepArgument,
    *,
    storage: StorageOption = DEFAULT_STORAGE,
    data_dir: DataDirOption = None,
    device: DeviceOption = "auto",
    address: AddressOption = "local",
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Show what would be run, start nothing.")] = False,
    answer: Annotated[
        bool, typer.Option("--answer/--no-answer", hidden=True, help="Print the answer, or leave that to who asked.")
    ] = True,
    printing: Printing,
) -> None:
    """Run the cheapest attacks that would settle each verdict which is not ok, and say how the numbers move.

    They are trials of a sweep of their own in the same storage: the models are there, so that attacks alone are run,
    and what trains the other model of a transfer attack.

    \b
    Examples:
      advsweep verify digits --dry-run
      advsweep verify digits
      advsweep verify digits --json
      advsweep verify digits --storage s3://BUCKET/FOLDER --address http://HEAD:8265
    """
    from rich.console import Console

    from orchestrator.settle import settle_sweep
    from orchestrator.store.sweep_store import find_sweep
    from tasks.storage.storage import open_storage

    found = find_sweep(open_storage(storage), sweep)
    console = Console(stderr=True)
    settled = settle_sweep(
        found,
        storage,
        console,
        data_dir=data_dir,
        device=device,
        address=address,
        dry_run=dry_run,
    )
    lines = settled.lines
    if answer:
        text = f"{found.sweep_id}: no check speaks against a worst case, or nothing was tested"
        counted = [{**row, "tried": len(row["tried"])} for row in lines]
        printing.show(lines, lambda: "\n".join(_describe(row, dry_run=dry_run) for row in lines) or text, counted)
    if answer and settled.space is not None:
        from orchestrator.plan.plan import make_plan
        from orchestrator.plan.summary import collect_plan_facts, format_plan

        facts = collect_plan_facts(make_plan(settled.space, data_dir, without_data=True), found.storage)
        console.print("\n".join(format_plan(facts)), markup=False, highlight=False, soft_wrap=True)
    raise typer.Exit(settled.code)


def _describe(row: Row, *, dry_run: bool) -> str:
    from orchestrator.text import format_eps, format_percent

    unit = "" if row["eps_space"] == "pixel" else f" {row['eps_space']}"
    eps = f"eps {format_eps(row['eps'])}{unit}"
    head = f"{row['model']}, {row['attack']} {eps}: worst case {format_percent(row['robust_before'])}"
    said = f"{row['verdict']}: {row['checks']}"
    if row["robust_after"] is not None:
        head += f" -> {format_percent(row['robust_after'])} of {row['examples']} images"
        said += f"; now {row['verdict_after']}"
    lines = [f"{head}  ({said}; trial {row['trial_id'][:7]})"]
    for words, robust in row["tried"].items():
        left = "" if dry_run else ": not run yet"
        lines.append(f"    {words}" + (left if robust is None else f": {format_percent(robust)}"))
    if not row["tried"]:
        lines.append("    no attack would settle it, or all that would were run")
    return "\n".join(lines)
