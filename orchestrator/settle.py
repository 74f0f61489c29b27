"""Run what would settle the verdicts of a sweep, and say how its numbers move: for the command line and for Python."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from rich.console import Console

from orchestrator.cluster.address import LOCAL, parse_address
from orchestrator.launch import launch_space
from orchestrator.options import FINISHED, DeviceChoice, LaunchOptions
from orchestrator.plan.plan import make_plan
from orchestrator.results.image_reader import ImageReader
from orchestrator.space.space import Space
from orchestrator.store.sweep_store import SweepStore
from orchestrator.verify.questions import Question, judge_again, list_questions, make_space, settle
from tasks.storage.stage_store import StageStore
from tasks.trial.row import Row


@dataclass(frozen=True)
class Settled:
    """What came of a verification."""

    code: int
    """Exit code of the launch."""
    lines: list[Row]
    """One for each number that a check spoke against: what stood, what each cell leaves (null: not run), and the images
    that withstand all of them."""
    space: Space | None = None
    """Of a dry run, what would be launched; null where nothing would."""


def settle_sweep(
    sweep: SweepStore,
    storage: str,
    console: Console,
    *,
    data_dir: Path | None = None,
    device: DeviceChoice = "auto",
    address: str = LOCAL,
    dry_run: bool = False,
) -> Settled:
    """Launch the cells as trials of a sweep `verify_NAME` in the same storage.

    :param storage: where the sweep is, as it was written.
    :param address: where they run, as for a launch.
    :param dry_run: start nothing.
    :raises UsageError: no trial is finished, or something about the request.
    """
    read = ImageReader(StageStore(sweep.storage))
    questions = list_questions(sweep, read)
    rows: list[Row] = []
    code = FINISHED
    space = make_space(sweep, questions) if any(question.cells for question in questions) else None
    if not dry_run and space is not None:
        options = LaunchOptions(space.name, (), storage, data_dir, address, device=device, wandb="disabled")
        there = parse_address(address)
        if there.remote:
            from orchestrator.remote.launch import run_there

            words = ("verify", sweep.sweep_id, "--no-answer", *_format_options(storage, data_dir, device))
            code = run_there(words, options, there, space, console)
        else:
            code = launch_space(space, options, console)
        rows = SweepStore(sweep.storage, make_plan(space, data_dir).sweep_id).rows()
        read.forget_missing()
    rows = judge_again(sweep, rows, read) if rows else []
    lines = [_list_cells(question, settle(question, rows, read)) for question in questions]
    return Settled(code, lines, space if dry_run else None)


def _format_options(storage: str, data_dir: Path | None, device: DeviceChoice) -> tuple[str, ...]:
    return (f"--storage={storage}", f"--device={device}", *([f"--data-dir={data_dir}"] if data_dir else []))


def _list_cells(question: Question, row: Row) -> Row:
    """The cells that are not run yet stand in the answer too, with no number."""
    return {**row, "tried": {words: row["tried"].get(words) for words in question.cells}}
