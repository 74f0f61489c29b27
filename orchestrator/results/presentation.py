"""What `advsweep results` prints: the table that was asked for, as text, CSV or JSON."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from orchestrator.results import verdicts
from orchestrator.results.bounds import select_attacks, select_certificates
from orchestrator.results.checks.verdict import Verdict
from orchestrator.results.headline import RULE, describe_best, describe_doubt, find_best, list_standings
from orchestrator.results.image_reader import ImageReader, ReadRobust, read_nothing
from orchestrator.results.listing import Column, Listing
from orchestrator.results.next_command import name_command
from orchestrator.results.optimality import list_optimality
from orchestrator.results.pivot import build_pivot
from orchestrator.results.pivot_listing import describe_pivot, list_pivot
from orchestrator.results.query import ask
from orchestrator.results.reference import COLUMNS, compare
from orchestrator.results.stage_numbers import StageNumbers
from orchestrator.results.tradeoff import BUDGETS, NOTHING_YET, describe_fixed_axes, format_setting, list_cells
from orchestrator.results.verdict_notes import VerdictNotes, count_checks
from orchestrator.results.where import parse_where, select_rows
from orchestrator.results.worst_case import read_worst_cases
from orchestrator.space.paper import Paper, read_paper
from orchestrator.store.sweep_store import SweepStore
from orchestrator.store.verifications import list_verifications
from orchestrator.text import format_table, format_value, render_table
from tasks import paths
from tasks.errors import ProblemsError, UsageError
from tasks.schema import TRIALS
from tasks.storage.stage_store import StageStore
from tasks.trial.row import Row

MOST_CHARACTERS = 100
"""Of a value of a query in the table."""


@dataclass(frozen=True)
class Selection:
    """Which trials a table is about, in which order, and how many of its lines are shown."""

    where: Sequence[str] = ()
    """`K=V` each."""
    sort: str | None = None
    top: int | None = None
    long: bool = False
    """A line for each cell, and as CSV or JSON a row for each trial with every column."""


def render_results(
    sweep: SweepStore,
    form: str,
    *,
    sql: str | None = None,
    reference: bool = False,
    worst_case: bool = False,
    optimality: bool = False,
    selection: Selection | None = None,
) -> str:
    """What `advsweep results` prints.

    :raises UsageError: the query is wrong, the space has no reference, or the selection names what is not there.
    """
    selection = selection or Selection()
    questions = sum([sql is not None, reference, worst_case, optimality])
    if questions > 1:
        raise UsageError("--sql, --reference, --worst-case and --optimality are four questions: ask one at a time")
    if questions and selection != (Selection(selection.where) if optimality else Selection()):
        raise UsageError(
            "--where, --sort, --top and --long are about the table of trials: not with other questions, but for "
            "--where with --optimality"
        )
    if sql is not None:
        return _render_answer(*ask(sweep, sql), form)
    if reference:
        compared = compare(load_paper(sweep), sweep.rows(), StageNumbers(StageStore(sweep.storage)))
        return render_table(COLUMNS, [entry.cells() for entry in compared], form)
    if worst_case:
        return _render_settings(*read_worst_cases(sweep), form)
    if optimality:
        return _render_settings(*list_optimality(sweep, _choose(sweep.rows(), selection)), form)
    rows = sweep.rows()
    text = render_rows(rows, _choose(rows, selection), form, selection, ImageReader(StageStore(sweep.storage)))
    return "\n".join([text, *_note_verifications(sweep)]) if form == "table" else text


def _choose(rows: list[Row], selection: Selection) -> list[Row]:
    where = parse_where(selection.where)
    return select_rows(rows, where) if where else rows


def _note_verifications(sweep: SweepStore) -> list[str]:
    """That attacks were tried against verdicts of the sweep whose numbers stand in no line."""
    found = list_verifications(sweep)
    if not found:
        return []
    command = name_command("verify", sweep)
    return [f"{' and '.join(found)} tried what would settle its verdicts: `{command}` says how numbers move"]


def _render_settings(columns: Sequence[str], rows: Sequence[Sequence[Any]], form: str) -> str:
    """A table of settings and numbers: on the terminal budgets are those of the other tables, such as 8/255."""
    if form != "table":
        return render_table(columns, rows, form)
    budgets = {place for place, column in enumerate(columns) if column in BUDGETS}
    texts = [
        [format_setting(columns[at], value) if at in budgets else format_value(value) for at, value in enumerate(row)]
        for row in rows
    ]
    return format_table(columns, texts)


def _render_answer(columns: Sequence[str], rows: Sequence[Sequence[Any]], form: str) -> str:
    """The answer to a query; in the table, long values are cut: a configuration has thousands of characters."""
    if form != "table":
        return render_table(columns, rows, form)
    texts = [[format_value(value) for value in row] for row in rows]
    cut = [
        [text if len(text) <= MOST_CHARACTERS else f"{text[: MOST_CHARACTERS - 3]}..." for text in row] for row in texts
    ]
    note = f"\n\nvalues end after {MOST_CHARACTERS} characters; --format csv has them whole" if cut != texts else ""
    return format_table(columns, cut) + note


def render_rows(
    rows: Sequence[Row], chosen: Sequence[Row], form: str, selection: Selection, read: ReadRobust = read_nothing
) -> str:
    """The table of some trials of a sweep.

    :param rows: all of the sweep, in any order: what the checks say of a trial depends on others.
    :param read: what is stored of the images of a trial.
    """
    rows, chosen = (sorted(some, key=lambda row: str(row["trial_id"])) for some in (rows, chosen))
    if form != "table" and selection.long:
        return _arrange(_list_rows(chosen), selection).render(form)
    found = verdicts.check_rows(rows, read)
    pivot, notes = build_pivot(chosen), VerdictNotes(found)
    failed = _note_failures(rows)
    if form == "table" and not pivot.rows:
        return "\n".join([NOTHING_YET, *failed])
    if form != "table":
        return _arrange(list_pivot(pivot, notes), selection).render(form)
    if selection.long:
        checks = format_table(verdicts.COLUMNS, verdicts.summarize_verdicts(found))
        cells = _arrange(list_cells(chosen), selection).render(form)
        return "\n".join([describe_fixed_axes(chosen), cells, *failed, "", checks])
    table = _arrange(list_pivot(pivot, notes), selection).render(form)
    best = _describe_best(verdicts.narrow_worst_cases(rows, pivot.rows, read))
    return "\n".join([*describe_pivot(pivot), table, *failed, *_list_notes(notes, found, pivot.rows, best)])


def _note_failures(rows: Sequence[Row]) -> list[str]:
    """That the table is not of all trials that have ended."""
    failed = sum(row["status"] == "failed" for row in rows)
    trials = f"{failed} of {len(rows)} trials that ended"
    return [f"{trials} failed and stand in no line; `advsweep status` says why"] if failed else []


def _arrange(listing: Listing, selection: Selection) -> Listing:
    return (listing.sort(selection.sort) if selection.sort is not None else listing).cut(selection.top)


def _list_notes(notes: VerdictNotes, found: Sequence[Verdict], rows: Sequence[Row], best: Sequence[str]) -> list[str]:
    """What stands below a pivot."""
    said = [*notes.explain(), *_note_votes(rows), *best, *_note_threads(rows)]
    return ["", *said, count_checks(found, rows)]


def _describe_best(rows: Sequence[Row]) -> list[str]:
    """The best of several settings, and by which rule."""
    best = find_best(rows)
    if best is None or len(list_standings(rows)[best.budget]) < 2:
        return []
    doubt = describe_doubt(best)
    said = [f"best: {describe_best(best)}", *([f"  {doubt}"] if doubt else [])]
    return [*said, f"  by the rule of status, report and W&B: {RULE}"]


def _note_votes(rows: Sequence[Row]) -> list[str]:
    """A vote that is attacked and certified has two answers to a clean image."""
    certified, attacked = (
        {row["transformations"] for row in kind(rows)} - {None} for kind in (select_certificates, select_attacks)
    )
    if not certified & attacked:
        return []
    return ["clean: the vote of the judge; certified: an image on which the certificate abstains counts as wrong"]


def _note_threads(rows: Sequence[Row]) -> list[str]:
    """Weights depend on the threads that trained them, which are in no key."""
    counts = sorted({row["threads"] for row in rows if row["threads"] is not None and row["device"] == "cpu"})
    if len(counts) < 2:
        return []
    return [f"models were trained with {' and '.join(map(str, counts))} threads: equal settings may differ"]


def _list_rows(rows: Sequence[Row]) -> Listing:
    """Every column of every trial, sorted by trial id."""
    columns = [Column(name, None, measured=name.endswith("_accuracy")) for name in TRIALS.names]
    ordered = sorted(rows, key=lambda row: str(row["trial_id"]))
    lines: list[tuple[list[Any], list[str]]] = [([row[name] for name in TRIALS.names], []) for row in ordered]
    return Listing(columns, lines, unit="trials")


def load_paper(sweep: SweepStore) -> Paper:
    """What the paper of a sweep's space reports.

    :raises UsageError: it reports nothing, or what stands there cannot be read.
    """
    paper, found = read_paper(sweep.space())
    if found:
        raise ProblemsError(f"{sweep.sweep_id}/{paths.SPACE}", found)
    if not paper:
        raise UsageError(f"the space of {sweep.sweep_id} has no reference: no numbers of a paper to compare with")
    return paper
