"""Result tables for queries: DuckDB over the Parquet files of one sweep, without a way to anything else."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pyarrow as pa
import pyarrow.dataset as ds

from orchestrator.results import verdicts
from orchestrator.results.reference import COLUMNS, compare
from orchestrator.results.tradeoff import render_tradeoff
from orchestrator.results.worst_case import SURVIVORS, list_worst_cases
from orchestrator.space.paper import Paper, read_paper
from orchestrator.store.sweep_store import READERS, SweepStore
from orchestrator.text import format_table, render_table
from tasks import paths
from tasks.errors import ProblemsError, UsageError
from tasks.schema import EXAMPLES, HISTORY, TRIALS
from tasks.storage.stage_store import StageStore
from tasks.yaml_files import parse_yaml


def render_results(sweep: SweepStore, form: str, *, sql: str | None, reference: bool, worst_case: bool) -> str:
    """What `advsweep results` prints.

    :raises UsageError: the query is wrong, or the space has no reference.
    """
    if sql is not None:
        return render_table(*ask(sweep, sql), form)
    if worst_case:
        return render_table(*list_worst_cases(sweep.rows(), ask(sweep, SURVIVORS)[1]), form)
    if reference:
        compared = compare(load_paper(sweep), sweep.rows())
        return render_table(COLUMNS, [entry.cells() for entry in compared], form)
    if form != "table":
        return render_table(TRIALS.names, load_sorted_rows(sweep), form)
    rows = sweep.rows()
    checks = format_table(verdicts.COLUMNS, verdicts.summarize_verdicts(verdicts.check_rows(rows)))
    return f"{render_tradeoff(rows)}\n\n{checks}"


def load_paper(sweep: SweepStore) -> Paper:
    """What the paper of a sweep's space reports.

    :raises UsageError: it reports nothing, or what stands there cannot be read.
    """
    content = parse_yaml(sweep.storage.read(sweep.path(paths.SPACE)).decode(), paths.SPACE)
    paper, found = read_paper(content)
    if found:
        raise ProblemsError(f"{sweep.sweep_id}/{paths.SPACE}", found)
    if not paper:
        raise UsageError(f"the space of {sweep.sweep_id} has no reference: no numbers of a paper to compare with")
    return paper


def load_sorted_rows(sweep: SweepStore) -> list[list[Any]]:
    """The newest row of every trial, in the order of the schema, sorted by trial id."""
    rows = sorted(sweep.rows(), key=lambda row: str(row["trial_id"]))
    return [[row[name] for name in TRIALS.names] for row in rows]


def open_tables(sweep: SweepStore) -> dict[str, pa.Table | ds.Dataset]:
    """`trials`, `history`, `examples`, and `stages`, which joins them: trial_id, stage, stage_key."""
    rows = sweep.rows()
    chains = [
        {"trial_id": row["trial_id"], "stage": name.removesuffix("_key"), "stage_key": row[name]}
        for row in rows
        for name in TRIALS.names
        if name.endswith("_key") and row[name]
    ]
    keys = sorted({entry["stage_key"] for entry in chains})
    stages = pa.schema([(name, pa.string()) for name in ("trial_id", "stage", "stage_key")])
    return {
        "trials": pa.Table.from_pylist(rows, schema=TRIALS),
        "stages": pa.Table.from_pylist(chains, schema=stages),
        "history": _open_files(sweep, keys, paths.HISTORY, HISTORY),
        "examples": _open_files(sweep, keys, paths.EXAMPLES, EXAMPLES),
    }


def _open_files(sweep: SweepStore, keys: list[str], name: str, schema: pa.Schema) -> pa.Table | ds.Dataset:
    """All files of one name below the stages of a sweep, read when they are asked for."""
    storage = sweep.storage
    known = set(StageStore(storage).keys())
    found = [f"{paths.STAGES}/{key}/{name}" for key in keys if key in known]
    with ThreadPoolExecutor(READERS) as pool:
        present = [storage.path(file) for file, size in zip(found, pool.map(storage.size, found), strict=True) if size]
    if not present:
        return schema.empty_table()
    place = schema.get_field_index("stage_key")  # the same in millions of rows: read as numbers, seen as text
    schema = schema.set(place, pa.field("stage_key", pa.dictionary(pa.int32(), pa.string())))
    form = ds.ParquetFileFormat(dictionary_columns={"stage_key"})
    return ds.dataset(present, schema=schema, filesystem=storage.filesystem, format=form)


def ask(sweep: SweepStore, sql: str) -> tuple[list[str], list[list[Any]]]:
    """Columns and rows of a query.

    The query sees the four tables and nothing else: DuckDB's access to files, extensions and settings is off.

    :raises UsageError: the query is wrong, or wants more than to read these tables.
    """
    import duckdb

    connection = duckdb.connect(config={"enable_external_access": "false", "autoload_known_extensions": "false"})
    try:
        found = open_tables(sweep)
        for name, table in found.items():
            connection.register(f"stored_{name}", table)
        # stage keys as an ENUM, so that joins of millions of rows compare numbers
        connection.execute("CREATE TYPE stage_key AS ENUM (SELECT DISTINCT stage_key FROM stored_stages ORDER BY 1)")
        for name, table in found.items():
            keys = [column for column in table.schema.names if column.endswith("_key")]
            numbered = ", ".join(f"{key}::stage_key AS {key}" for key in keys)
            connection.execute(f"CREATE VIEW {name} AS SELECT * REPLACE ({numbered}) FROM stored_{name}")
        connection.execute("SET python_enable_replacements = false")
        connection.execute("SET lock_configuration = true")
        answer = connection.execute(sql)
        if answer.description is None:
            raise UsageError("--sql: the query returns nothing")
        return [column[0] for column in answer.description], [list(row) for row in answer.fetchall()]
    except duckdb.Error as error:
        raise UsageError(f"--sql: {error}") from error
    finally:
        connection.close()
