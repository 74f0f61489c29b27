"""Result tables for queries: DuckDB over the Parquet files of one sweep, without a way to anything else."""

from __future__ import annotations

import itertools
import re
from typing import TYPE_CHECKING, Any

import pyarrow as pa

from orchestrator.results import limits
from orchestrator.results.stage_tables import open_stage_files
from orchestrator.store.sweep_store import SweepStore
from tasks import paths
from tasks.environment import read_number
from tasks.errors import UsageError
from tasks.schema import EXAMPLES, HISTORY, TRIALS

if TYPE_CHECKING:
    import pyarrow.dataset as ds


def load_sorted_rows(sweep: SweepStore) -> list[list[Any]]:
    """The newest row of every trial, in the order of the schema, sorted by trial id."""
    rows = sorted(sweep.rows(), key=lambda row: str(row["trial_id"]))
    return [[row[name] for name in TRIALS.names] for row in rows]


STAGE_TABLES = {"history": (paths.HISTORY, HISTORY), "examples": (paths.EXAMPLES, EXAMPLES)}
"""Tables of the files of many stages. Each file is looked at whole before DuckDB may open it: one of a few kB can stand
for gigabytes, which only the headers in front of its pages tell."""
KEYWORD, ALIAS = "lambda", "lambda_"
"""A column whose name DuckDB takes for its own unless it is quoted, and its other name in a query."""
UNQUOTED = re.compile(rf'(?<!["\w]){KEYWORD}(?!["\w])', re.IGNORECASE)


def open_tables(sweep: SweepStore, sql: str) -> dict[str, pa.Table | ds.Dataset]:
    """`trials`, `history`, `examples`, and `stages`, which joins them: trial_id, stage, stage_key.

    :param sql: the query: a table that it does not name is left empty, so that no file of its stages is read.
    """
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
        **{
            table: open_stage_files(sweep, keys, *kept) if _is_named(table, sql) else kept[1].empty_table()
            for table, kept in STAGE_TABLES.items()
        },
    }


def _is_named(table: str, sql: str) -> bool:
    """Whether a query can be about a table: its name stands there, or it may be put together, as for `query_table`."""
    return table in sql.lower() or "query" in sql.lower()


def ask(sweep: SweepStore, sql: str) -> tuple[list[str], list[list[Any]]]:
    """Columns and rows of a query.

    The query sees the four tables and nothing else: DuckDB's access to files, extensions and settings is off. It may
    take `ADVSWEEP_SQL_TIMEOUT` seconds and `ADVSWEEP_SQL_GB` gigabytes.

    :raises UsageError: the query is wrong, wants more than to read these tables, or is beyond these limits.
    """
    import duckdb

    if not sql.isascii() and sql != sql.encode(errors="replace").decode():
        raise UsageError("--sql: the query is not UTF-8")
    seconds = read_number(limits.TIMEOUT, limits.DEFAULT_TIMEOUT, "seconds", positive=True)
    memory = read_number(limits.MEMORY, limits.DEFAULT_MEMORY, "gigabytes", positive=True)
    connection = duckdb.connect(config={**CLOSED, "memory_limit": f"{int(memory * 1e6)}KB"})
    try:
        found = open_tables(sweep, sql)
        with limits.limit_memory(memory * 1e9), limits.limit_time(seconds, connection.interrupt) as over:
            try:
                _register(connection, found)
                _require_one_reading(connection, sql)
                answer = connection.execute(sql)
                return [column[0] for column in answer.description], [list(row) for row in answer.fetchall()]
            except (duckdb.OutOfMemoryException, MemoryError) as error:
                raise UsageError(
                    f"--sql: the query needs more than {memory:g} GB of memory, {limits.MEMORY} says otherwise"
                ) from error
            except duckdb.Error as error:
                if over.is_set():
                    raise UsageError(
                        f"--sql: the query took more than {seconds:g} s, {limits.TIMEOUT} says otherwise"
                    ) from error
                raise UsageError(f"--sql: {_join_lines(str(error))}{_suggest(error, sql)}") from error
    finally:
        connection.close()


CLOSED = {
    "enable_external_access": "false",
    "autoload_known_extensions": "false",
    "max_temp_directory_size": "0KB",
}
"""No way to a file, in which a query that is too large could be kept either."""


def _register(connection: Any, found: dict[str, pa.Table | ds.Dataset]) -> None:
    """Show the tables to the queries of a connection, and lock everything else."""
    for name, table in found.items():
        connection.register(f"stored_{name}", table)
    # stage keys as an ENUM, so that joins of millions of rows compare numbers
    connection.execute("CREATE TYPE stage_key AS ENUM (SELECT DISTINCT stage_key FROM stored_stages ORDER BY 1)")
    for name, table in found.items():
        keys = [column for column in table.schema.names if column.endswith("_key")]
        numbered = ", ".join(f"{key}::stage_key AS {key}" for key in keys)
        also = f', "{KEYWORD}" AS {ALIAS}' if KEYWORD in table.schema.names else ""
        connection.execute(f"CREATE VIEW {name} AS SELECT * REPLACE ({numbered}){also} FROM stored_{name}")
    connection.execute("SET python_enable_replacements = false")
    connection.execute("SET enable_progress_bar = false")  # it would stand in the output of a long query
    connection.execute("SET lock_configuration = true")


def _require_one_reading(connection: Any, sql: str) -> None:
    """:raises UsageError: it is not one query that reads."""
    statements = [(found.type.name, found.query) for found in connection.extract_statements(sql)]
    # DuckDB 1 makes a type for each PIVOT first, which no text of the user stands for; DuckDB 2 calls the whole MULTI
    if [kind for kind, text in statements if text or kind != "CREATE"] not in (["SELECT"], ["MULTI"]):
        raise UsageError("--sql: give one query that reads: SELECT, FROM, WITH, PIVOT, DESCRIBE, SUMMARIZE or SHOW")


def _suggest(error: Exception, sql: str) -> str:
    """What to write in place of a keyword that the parser stumbles over."""
    import duckdb

    if not isinstance(error, duckdb.ParserException) or not UNQUOTED.search(sql):
        return ""
    return f"; {KEYWORD} is a keyword of DuckDB: write {ALIAS}"


def _join_lines(message: str) -> str:
    """DuckDB's message without the picture of the place in the query."""
    lines = itertools.takewhile(lambda line: not line.startswith("LINE "), message.splitlines())
    return " ".join(line.strip() for line in lines if line.strip())
