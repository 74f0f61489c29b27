"""Small files and short texts that stand for much memory: every command that meets one stays small and says so."""

from __future__ import annotations

import functools
import hashlib
import io
import json
import shutil
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from orchestrator.results.query import ask
from orchestrator.store.sweep_store import SweepStore
from tasks.errors import UsageError
from tasks.keys import hash_json
from tasks.schema import EXAMPLES, HISTORY, TRIALS
from tests.conftest import SMALL_SPACE
from tests.support.bounded import run_measured
from tests.support.finished_sweep import finish
from tests.support.harness import LIMIT

pytestmark = pytest.mark.slow

MOST_MEGABYTES = 1200
"""Of a command that meets a bomb; without one, a report takes about 300."""
BOMB_BYTES = 1_700_000_000
"""More than is read of a file, and than a command may hold."""


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str]:
    """The storage of a finished sweep, and its id."""
    folder = tmp_path_factory.mktemp("bombs")
    space = folder / "small.yaml"
    space.write_text(SMALL_SPACE)
    _, sweep = finish(space, folder / "storage", ("attack.steps=2", "prune=null", "train.epochs=1"))
    return folder / "storage", sweep.sweep_id


@pytest.fixture
def storage(finished: tuple[Path, str], tmp_path: Path) -> Path:
    """A copy that a test may damage."""
    shutil.copytree(finished[0], tmp_path / "storage")
    return tmp_path / "storage"


@functools.cache
def encode_bomb(schema: pa.Schema) -> bytes:
    """So many bytes of zeros in a few megabytes."""
    sink = io.BytesIO()
    numbers = [field for field in schema if pa.types.is_floating(field.type)]
    zeros = np.zeros(1_000_000)
    table = pa.table([pa.array(zeros).cast(field.type) for field in numbers], schema=pa.schema(numbers))
    with pq.ParquetWriter(sink, table.schema, compression="zstd", use_dictionary=False) as writer:
        for _ in range(BOMB_BYTES // table.nbytes):
            writer.write_table(table)
    assert len(sink.getvalue()) < 10_000_000
    return sink.getvalue()


def plant(stage: Path, name: str, content: bytes) -> None:
    """Put a file into a stage, and mend the checksums as a stranger can."""
    (stage / name).write_bytes(content)
    record = json.loads((stage / "stage.json").read_bytes())
    record["files"][name] = {"bytes": len(content), "sha256": hashlib.sha256(content).hexdigest()}
    record.pop("checksum")
    (stage / "stage.json").write_text(json.dumps({**record, "checksum": hash_json(record)}))


def plant_in_one_stage(storage: Path, name: str, schema: pa.Schema) -> None:
    stage = next(file.parent for file in sorted(storage.glob(f"stages/*/{name}")))
    plant(stage, name, encode_bomb(schema))


@pytest.mark.parametrize(
    ("arguments", "spoken_of"),
    [
        (["results", "SWEEP", "--sql", "select sum(linf), count(*) from examples"], "examples.parquet"),
        (["results", "SWEEP", "--sql", "select sum(seconds), count(*) from history"], "history.parquet"),
        (["results", "SWEEP", "--worst-case"], "examples.parquet"),
        (["report", "SWEEP"], "examples.parquet"),
        (["results", "SWEEP"], ""),
        (["status"], ""),
    ],
    ids=lambda value: " ".join(value[:3]) if isinstance(value, list) else "",
)
def test_a_bomb_in_a_stage_is_named_and_passed_over(
    storage: Path, finished: tuple[Path, str], arguments: list[str], spoken_of: str
) -> None:
    plant_in_one_stage(storage, "examples.parquet", EXAMPLES)
    plant_in_one_stage(storage, "history.parquet", HISTORY)
    words = [finished[1] if word == "SWEEP" else word for word in arguments]
    code, shown, peak = run_measured(*words, "--storage", storage)
    assert code == 0, shown
    assert "Traceback" not in shown
    named = [line for line in shown.splitlines() if "passed over" in line]
    assert any(spoken_of in line and "the most that is read is" in line for line in named) or not spoken_of, shown
    assert peak < MOST_MEGABYTES


@pytest.mark.parametrize("command", ["results", "report", "status"])
def test_a_bomb_among_the_rows_of_trials_is_named(storage: Path, finished: tuple[Path, str], command: str) -> None:
    (storage / "sweeps" / finished[1] / "trials" / "00000000000000000001-bomb.parquet").write_bytes(encode_bomb(TRIALS))
    code, shown, peak = run_measured(command, finished[1], "--storage", storage)
    assert code in (0, 2)
    assert "Traceback" not in shown
    assert "bomb.parquet" in shown
    assert peak < MOST_MEGABYTES


GREEDY = {
    "a long text": "select repeat('x', 3000000000)",
    "a long list": "select list(range) from range(1000000000)",
    "many groups": "select hash(range), count(*) from range(100000000) group by all",
    "many rows": "select range, range::varchar from range(100000000)",
}


@pytest.mark.parametrize("name", GREEDY)
def test_a_query_that_needs_too_much_memory_is_ended(
    name: str, finished: tuple[Path, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ADVSWEEP_SQL_GB", "0.2")
    monkeypatch.setenv("ADVSWEEP_SQL_TIMEOUT", str(LIMIT))
    code, shown, peak = run_measured("results", finished[1], "--storage", finished[0], "--sql", GREEDY[name])
    assert code == 2, shown
    assert shown.strip() == "error: --sql: the query needs more than 0.2 GB of memory, ADVSWEEP_SQL_GB says otherwise"
    assert peak < MOST_MEGABYTES


@pytest.mark.parametrize(
    "query",
    [
        "select count(*) from range(100000000000)",
        "with recursive t(x) as (select 1 union all select x + 1 from t) select count(*) from t",
        "select sum(a.range * b.range) from range(1000000) a, range(1000000) b",
    ],
)
def test_a_query_that_takes_too_long_is_ended(
    query: str, finished: tuple[Path, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ADVSWEEP_SQL_TIMEOUT", "0.3")
    _, shown, _ = run_measured("results", finished[1], "--storage", finished[0], "--sql", query)
    assert shown.strip() == "error: --sql: the query took more than 0.3 s, ADVSWEEP_SQL_TIMEOUT says otherwise"


@pytest.mark.parametrize(
    "query", ["", " ", ";", "--", "-- only\n;", "/* */", "select", "select 1 2 3", "\0", "\udcff", "é"]
)
def test_a_query_that_is_none_is_one_line(query: str, finished: tuple[Path, str]) -> None:
    from tasks.storage.storage import open_storage

    with pytest.raises(UsageError, match=r"^--sql: [^\n]+$"):
        ask(SweepStore(open_storage(finished[0]), finished[1]), query)
