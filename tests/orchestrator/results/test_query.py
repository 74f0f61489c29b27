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


def test_lambda_is_asked_for_by_another_name(sweep: SweepStore) -> None:
    for name in ("lambda_", '"lambda"', "t.lambda"):
        assert ask(sweep, f"select {name} from trials t where {name} > 0 limit 1")[1] == [[0.5]]
    with pytest.raises(UsageError, match="lambda is a keyword of DuckDB: write lambda_"):
        ask(sweep, "select avg(robust_accuracy) from trials group by lambda")
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
