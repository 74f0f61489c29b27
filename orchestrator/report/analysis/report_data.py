"""Read what a report needs from a storage: the sweeps, their distinct trials, what the work cost."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from orchestrator.report.analysis.cost import Cost, sum_costs
from orchestrator.report.analysis.optimality_table import OptimalityTable, build_optimality_table
from orchestrator.report.analysis.provenance import Provenance, describe_provenance
from orchestrator.report.analysis.studies import group_studies
from orchestrator.report.analysis.study import Study
from orchestrator.results import verdicts
from orchestrator.results.checks.verdict import Verdict
from orchestrator.results.image_reader import ImageReader
from orchestrator.results.reference import compare
from orchestrator.results.stage_numbers import StageNumbers
from orchestrator.results.stage_tables import load_history
from orchestrator.space.figures import FigureRequest, read_figures
from orchestrator.space.paper import Paper, ReportedNumber, read_paper
from orchestrator.store.sweep_store import SweepStore
from tasks.errors import UsageError
from tasks.storage.documents import note_passed_over
from tasks.storage.stage_store import StageStore
from tasks.trial.row import Row

ERRORS = 10
"""Distinct errors of failed trials that are shown."""


@dataclass(frozen=True)
class SweepFacts:
    """One sweep as it is now."""

    sweep: SweepStore
    label: str
    space: str
    description: str
    planned: int
    finished: int
    failed: int
    errors: tuple[str, ...]
    costs: tuple[Cost, ...]
    provenance: Provenance
    verdicts: tuple[list[str], ...]
    """A line per check, by `verdicts.COLUMNS`."""
    optimality: OptimalityTable | None
    """How near each attack comes to the best; null where no model met several."""
    paper: Paper
    figures: Mapping[str, FigureRequest]
    """Name -> what the space wants to be drawn."""
    reference: tuple[list[str], ...]
    """A line per number of a paper, by `reference.COLUMNS`."""

    @property
    def missing(self) -> int:
        """Trials that have no row yet."""
        return self.planned - self.finished - self.failed


@dataclass(frozen=True)
class ReportData:
    """All sweeps of a report."""

    sweeps: tuple[SweepFacts, ...]
    rows: tuple[Row, ...]
    """The distinct finished trials."""
    studies: tuple[Study, ...]
    sweeps_of: Mapping[str, tuple[str, ...]]
    """Key of an attack stage -> labels of the sweeps that have this trial."""
    data: Mapping[str, str]
    """Key of an attack stage -> fingerprint of its data set."""
    history: tuple[dict[str, Any], ...]
    """Rows of `schema.HISTORY`."""

    @property
    def numbers(self) -> list[ReportedNumber]:
        """What the papers of the spaces measured."""
        return [number for facts in self.sweeps for number in facts.paper.numbers]

    @property
    def store(self) -> StageStore:
        """The stages of the storage that all sweeps share."""
        return StageStore(self.sweeps[0].sweep.storage)


def load_report_data(sweeps: Sequence[SweepStore]) -> ReportData:
    """Read the sweeps. A trial that several of them have counts once."""
    labels = _label_sweeps(sweeps)
    distinct: dict[str, Row] = {}
    owners: dict[str, list[str]] = defaultdict(list)
    data: dict[str, str] = {}
    facts = []
    history: dict[tuple[str, int], dict[str, Any]] = {}
    for sweep, label in zip(sweeps, labels, strict=True):
        store = StageStore(sweep.storage)
        read = ImageReader(store)
        plan = sweep.plan()
        planned = {trial["trial_id"] for trial in plan["trials"]}
        plain = [row for row in sweep.rows() if row["trial_id"] in planned]
        said = verdicts.check_rows(plain, read)
        rows = verdicts.annotate_rows(plain, read, said)
        facts.append(_collect_facts(sweep, label, plan, rows, said))
        for row in rows:
            if row["status"] == "finished" and row["attack_key"] in plan["stages"]:
                distinct.setdefault(row["attack_key"], row)
                owners[row["attack_key"]].append(label)
                data[row["attack_key"]] = plan["stages"][row["attack_key"]]["data"]
        for entry in load_history(store, plain):
            history[entry["stage_key"], entry["epoch"]] = entry
    rows = _distinguish_data_sets(list(distinct.values()), data)
    owned = {key: tuple(found) for key, found in owners.items()}
    return ReportData(tuple(facts), tuple(rows), tuple(group_studies(rows)), owned, data, tuple(history.values()))


def _label_sweeps(sweeps: Sequence[SweepStore]) -> list[str]:
    """The names of the spaces where they differ, else the ids."""
    spaces = [str(sweep.plan()["space"]) for sweep in sweeps]
    return spaces if len(set(spaces)) == len(spaces) else [sweep.sweep_id for sweep in sweeps]


def _distinguish_data_sets(rows: Sequence[Row], data: Mapping[str, str]) -> list[Row]:
    """Data sets of one name and other content get names of their own: numbers on them cannot be compared."""
    contents: dict[str, set[str]] = defaultdict(set)
    for row in rows:
        contents[row["dataset"]].add(data[row["attack_key"]])
    return [
        {**row, "dataset": f"{row['dataset']} ({data[row['attack_key']][:6]})"}
        if len(contents[row["dataset"]]) > 1
        else row
        for row in rows
    ]


def _read_space(sweep: SweepStore) -> dict[str, Any]:
    """The search space; empty where it cannot be read, which is said."""
    try:
        return sweep.space()
    except UsageError as error:
        note_passed_over(error)
        return {}


def _collect_facts(
    sweep: SweepStore, label: str, plan: dict[str, Any], rows: Sequence[Row], said: Sequence[Verdict]
) -> SweepFacts:
    provenance = describe_provenance(sweep, plan, rows)
    space = _read_space(sweep)
    finished = [row for row in rows if row["status"] == "finished"]
    failed = [row for row in rows if row["status"] == "failed"]
    paper, _ = read_paper(space)
    figures, _ = read_figures(space)
    return SweepFacts(
        sweep,
        label,
        str(plan["space"]),
        str(space.get("description") or ""),
        len(plan["trials"]),
        len(finished),
        len(failed),
        tuple(sorted({str(row["error"]) for row in failed})[:ERRORS]),
        tuple(sum_costs(sweep, plan)),
        provenance,
        tuple(verdicts.summarize_verdicts(said)),
        build_optimality_table(sweep, finished),
        paper,
        figures,
        tuple(entry.cells() for entry in compare(paper, finished, StageNumbers(StageStore(sweep.storage)))),
    )
