"""Questions in SQL about a sweep, asked on rows that nothing has run."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path

import pyarrow as pa
import pytest

from orchestrator.results import query
from orchestrator.results.query import ask
from orchestrator.store.sweep_store import SweepStore
from tasks import paths
from tasks.errors import UsageError
from tasks.schema import TRIALS
from tasks.storage.storage import open_storage
from tests.support.rows import ifgsm


@pytest.fixture
def sweep(tmp_path: Path) -> SweepStore:
    found = SweepStore(open_storage(tmp_path), "s")
    found.storage.write(
        found.path(paths.PLAN), b'{"format": 2, "sweep_id": "s", "space": "s", "trials": [], "stages": {}}'
    )
    found.write_rows([ifgsm(8 / 255, 10, 300), ifgsm(16 / 255, 10, 100)])
    return found


def test_every_column_of_a_row_can_be_asked_for_times_too(sweep: SweepStore) -> None:
    columns, rows = ask(sweep, "select * from trials order by robust_correct")
    assert columns == [*TRIALS.names, "lambda_"]
    assert [row[columns.index("robust_correct")] for row in rows] == [100, 300]
    assert isinstance(rows[0][columns.index("started_at")], datetime)


@pytest.mark.parametrize(
    "query", ["", ";", "--", "select nothing from trials", "select * from read_csv('/etc/passwd')"]
)
def test_a_query_that_cannot_be_answered_is_one_message(query: str, sweep: SweepStore) -> None:
    with pytest.raises(UsageError, match="--sql") as refused:
        ask(sweep, query)
    assert "\n" not in str(refused.value)


@pytest.mark.parametrize(
    "query",
    [
        "pragma enable_profiling",
        "pragma disable_optimizer",
        "set threads=1",
        "create table kept as select * from trials",
        "create table kept as select * from trials; select 1",
        "insert into trials values (1)",
        "explain analyze delete from trials",
        "call pragma_version()",
        "checkpoint",
        "select 1; select 2",
        "select 1; pragma enable_profiling",
        "copy from database memory to kept",
        "begin",
        "",
        ";",
    ],
)
def test_what_does_more_than_to_read_is_refused_by_every_version_of_duckdb(query: str, sweep: SweepStore) -> None:
    with pytest.raises(UsageError, match="--sql: give one query that reads: SELECT, "):
        ask(sweep, query)


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("from trials select count(*);", [[2]]),
        ("with best as (select max(robust_correct) as most from trials) from best", [[300]]),
        ("values (1)", [[1]]),
        ("select count(*) from (describe trials) where column_name = 'trial_id'", [[1]]),
        ("pivot trials on attack using max(robust_correct) group by dataset", [["digits", 300]]),
        ("with p as (pivot trials on attack using max(robust_correct) group by dataset) from p", [["digits", 300]]),
    ],
)
def test_every_form_of_a_query_that_reads_is_answered(
    query: str, expected: list[list[object]], sweep: SweepStore
) -> None:
    assert ask(sweep, query)[1] == expected


@pytest.mark.parametrize("query", ["describe stages", "summarize trials", "show tables"])
def test_what_a_table_holds_can_be_asked_for(query: str, sweep: SweepStore) -> None:
    assert ask(sweep, query)[1]


def test_lambda_is_asked_for_by_another_name(sweep: SweepStore) -> None:
    for name in ("lambda_", '"lambda"', "t.lambda"):
        assert ask(sweep, f"select {name} from trials t where {name} > 0 limit 1")[1] == [[0.5]]
    by_lambda = "select avg(robust_accuracy) from trials group by lambda"
    if ask(sweep, "select count(*) from duckdb_keywords() where keyword_name = 'lambda'")[1] == [[0]]:
        assert len(ask(sweep, by_lambda)[1]) == 1, "a name like any other before DuckDB 1.3"
    else:
        with pytest.raises(UsageError, match="lambda is a keyword of DuckDB: write lambda_"):
            ask(sweep, by_lambda)
    with pytest.raises(UsageError) as refused:
        ask(sweep, "select lambda_ frm trials where")
    assert "keyword" not in str(refused.value)


def test_files_of_a_table_that_is_not_named_are_not_read(sweep: SweepStore, monkeypatch: pytest.MonkeyPatch) -> None:
    read: list[str] = []

    def note(_: SweepStore, keys: list[str], name: str, schema: pa.Schema) -> pa.Table:
        assert keys
        read.append(name)
        return schema.empty_table()

    monkeypatch.setattr(query, "open_stage_files", note)
    for sql, names in (
        ("select count(*) from trials join stages using (trial_id)", []),
        ("select count(*) from Examples", [paths.EXAMPLES]),
        ("select count(*) from history, examples", [paths.HISTORY, paths.EXAMPLES]),
        ("from query_table('his' || 'tory')", [paths.HISTORY, paths.EXAMPLES]),
    ):
        read.clear()
        ask(sweep, sql)
        assert read == names


def test_a_query_may_have_any_letters_but_broken_ones(sweep: SweepStore) -> None:
    assert ask(sweep, "select '\N{GREEK SMALL LETTER EPSILON}' as a") == (["a"], [["\N{GREEK SMALL LETTER EPSILON}"]])
    with pytest.raises(UsageError, match=r"^--sql: the query is not UTF-8$"):
        ask(sweep, "select '\udc80'")
