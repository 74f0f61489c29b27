"""The W&B run of a whole sweep: the table of trials, security curves, the figures, and the tables as an artifact."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from orchestrator.report.analysis.attack_families import compute_security_curves, list_curve_families
from orchestrator.report.analysis.studies import group_studies
from orchestrator.report.analysis.study import Study
from orchestrator.report.figures.collection import write_row_figures
from orchestrator.results import headline
from orchestrator.results.checks.verdict import GRADES, rank_severity
from orchestrator.results.stage_tables import load_stage_table
from orchestrator.store.identifiers import shorten_ids
from orchestrator.store.sweep_store import SweepStore
from orchestrator.tracking.content import SWEEP, RunContent, Table
from orchestrator.tracking.folder import run_id
from tasks import paths
from tasks.keys import hash_json
from tasks.kinds import KINDS
from tasks.schema import EXAMPLES, HISTORY, TRIALS
from tasks.storage.stage_store import StageStore
from tasks.temporary import use_temporary_folder
from tasks.trial.row import Row

LEFT_OUT = ("sweep_id", "space", "config", "versions", "verdicts")
"""Columns that stand elsewhere, or hold JSON that a table cannot show."""
MOST_BYTES = 64 << 20
"""A table of attacked images above this stays in the storage; the run's summary says so."""
VERDICTS = ("run", "trial_id", "clean_accuracy", "robust_accuracy", "verdict", "verdict_reason")
"""Columns of the table of verdicts; `run` is the name under which the run of the trial is listed."""
LONGEST_METRIC = 100
"""Characters of the name of a metric: what is longer is cut in the legends of W&B."""
SECURITY = "security"
PREFIX = f"{SWEEP}-"


def hash_overview(rows: Sequence[Row]) -> str:
    """Names the state of a sweep: another one where any trial or verdict is another."""
    state = sorted((row["trial_id"], row["status"], row["attack_key"], row["verdict"] or "") for row in rows)
    return PREFIX + hash_json([list(entry) for entry in state])[:16]


def build_curves(rows: Sequence[Row]) -> dict[str, list[dict[str, float]]]:
    """Prefix -> one entry for each budget: `security/eps`, and robust accuracy under the name of each configuration.

    The prefix tells data sets apart where there are several, and has the name of each further family of attacks. A data
    set attacked at one budget has no curve.
    """
    found: dict[str, list[dict[str, float]]] = {}
    all_studies = group_studies(rows)
    for study in all_studies:
        prefix = SECURITY if len(all_studies) == 1 else f"{SECURITY}_{make_metric_name(study.dataset)}"
        names = _name_curves(study)
        for place, family in enumerate(list_curve_families(study)):
            named = f"{prefix}_{make_metric_name(family.label)}"
            own = prefix if place == 0 else f"{named} {place}" if named in found else named
            found[own] = _list_entries(own, names, compute_security_curves(study, family))
    return found


def _list_entries(
    prefix: str, names: Mapping[str, str], curves: Mapping[str, Sequence[tuple[float, float]]]
) -> list[dict[str, float]]:
    entries: dict[float, dict[str, float]] = {}
    for label, curve in curves.items():
        for eps, accuracy in curve:
            entries.setdefault(eps, {f"{prefix}/eps": eps})[f"{prefix}/{names[label]}"] = accuracy
    return [entries[eps] for eps in sorted(entries)]


def make_metric_name(label: str, ending: str = "") -> str:
    """A label as a part of the name of a metric, in which dots and slashes have a meaning.

    :param ending: what tells it from others: it stays where the name is cut.
    """
    name, kept = (re.sub(r"[^\w ,=+-]", "_", text) for text in (label, ending))
    return name[: LONGEST_METRIC - len(kept)] + kept


def _name_curves(study: Study) -> dict[str, str]:
    """Label of each configuration -> the name of its metric; those that are one once cut end with the short id of one
    of their trials, so that no curve overwrites another."""
    names = {configuration.label: make_metric_name(configuration.label) for configuration in study.configurations}
    shared = Counter(names.values())
    short = shorten_ids(row["trial_id"] for row in study.rows)
    return {
        configuration.label: make_metric_name(configuration.label, f" {short[configuration.row['trial_id']]}")
        if shared[names[configuration.label]] > 1
        else names[configuration.label]
        for configuration in study.configurations
    }


@contextmanager
def build_sweep_run(sweep: SweepStore, rows: Sequence[Row], names: Mapping[str, str]) -> Iterator[RunContent]:
    """The run of a sweep, with its files in a folder that is gone afterwards.

    :param names: trial id -> name of its run.
    """
    with use_temporary_folder() as scratch:
        folder = Path(scratch)
        finished = [row for row in rows if row["status"] == "finished"]
        files, left_out = _write_tables(sweep, rows, folder)
        key, histories = hash_overview(rows), build_curves(finished)
        best = headline.find_best(finished)
        yield RunContent(
            key=key,
            id=run_id(sweep.sweep_id, key),
            group=sweep.sweep_id,
            job_type=SWEEP,
            name=f"{sweep.sweep_id} ({len(finished)} of {len(rows)} trials)",
            tags=[SWEEP],
            config={"sweep_id": sweep.sweep_id, "space": rows[0]["space"]},
            summary={
                "trials": len(rows),
                "finished": len(finished),
                "failed": sum(row["status"] == "failed" for row in rows),
                **{name: text for name, text in headline.state_best(best).items() if text},
                **_count_verdicts(finished),
                **({"examples_left_out_bytes": left_out} if left_out else {}),
            },
            histories=histories,
            axes={prefix: f"{prefix}/eps" for prefix in histories},
            images=_draw_figures(finished, folder / "figures"),
            tables={"verdicts": _build_verdicts_table(finished, names), "trials": _build_trials_table(rows)},
            files={f"{sweep.sweep_id}-tables": files},
        )


def _build_trials_table(rows: Sequence[Row]) -> Table:
    columns = [name for name in TRIALS.names if name not in LEFT_OUT]
    ordered = sorted(rows, key=lambda row: str(row["trial_id"]))
    return Table(columns, [[_make_plain(row[name]) for name in columns] for row in ordered])


def _build_verdicts_table(rows: Sequence[Row], names: Mapping[str, str]) -> Table:
    """What the checks say of the number of each trial, the worst first: the run of a trial is written before they run.

    :param rows: of finished trials; those that no check has seen come last, without a verdict.
    """

    def order(row: Row) -> tuple[int, str]:
        return -rank_severity(row["verdict"]) if row["verdict"] else 1, str(row["trial_id"])

    named = [row | {"run": names[row["trial_id"]]} for row in sorted(rows, key=order)]
    return Table(VERDICTS, [[row[column] for column in VERDICTS] for row in named])


def _count_verdicts(rows: Sequence[Row]) -> dict[str, int]:
    """`verdicts_suspicious` and the other grades that are there -> how many trials bear it."""
    counts = Counter(row["verdict"] for row in rows)
    return {f"verdicts_{grade.replace(' ', '_')}": counts[grade] for grade in reversed(GRADES) if counts[grade]}


def _make_plain(value: Any) -> Any:
    return value.isoformat() if isinstance(value, datetime) else value


def _draw_figures(rows: Sequence[Row], folder: Path) -> dict[str, bytes]:
    return {f"figures/{file.stem}": file.read_bytes() for file in write_row_figures(rows, folder)}


def _write_tables(sweep: SweepStore, rows: Sequence[Row], folder: Path) -> tuple[list[Path], int]:
    """The Parquet files, and the bytes of the attacked images where they are too many."""
    store = StageStore(sweep.storage)
    trials = folder / "trials.parquet"
    pq.write_table(pa.Table.from_pylist(list(rows), schema=TRIALS), trials, compression="zstd")
    keys = {row[f"{kind}_key"] for row in rows for kind in KINDS} - {None}
    attacks = {row["attack_key"] for row in rows if row["status"] == "finished"}
    sizes = [sweep.storage.get_size(file) or 0 for key in attacks if (file := store.find_file(key, paths.EXAMPLES))]
    files = [trials, _join_files(store, sorted(keys - attacks), paths.HISTORY, HISTORY, folder)]
    if sum(sizes) > MOST_BYTES:
        return files, sum(sizes)
    return [*files, _join_files(store, sorted(attacks), paths.EXAMPLES, EXAMPLES, folder)], 0


def _join_files(store: StageStore, keys: Sequence[str], name: str, schema: pa.Schema, folder: Path) -> Path:
    """One file of all the stages' files of that name."""
    with pq.ParquetWriter(folder / name, schema, compression="zstd") as writer:
        for key in keys:
            if (table := load_stage_table(store, key, name, schema)) is not None:
                writer.write_table(table)
    return folder / name
