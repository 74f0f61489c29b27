"""Rows and plan of a sweep in its storage."""

from __future__ import annotations

import io
import json
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from orchestrator.store.sweep_store import SweepStore, find_trial
from orchestrator.store.trial_rows import select_newest_rows
from tasks import paths
from tasks.errors import MisplacedError, UsageError
from tasks.schema import TRIALS
from tasks.storage.storage import open_storage
from tests.support.report_data import WITHOUT_TUNING, made_up
from tests.support.rows import ifgsm


@pytest.fixture
def empty(tmp_path: Path) -> SweepStore:
    return SweepStore(open_storage(tmp_path), "digits-0123456789")


FIRST, SECOND = ifgsm("8/255", 10, 400), ifgsm("8/255", 20, 300)


def add_part(store: SweepStore, name: str, table: pa.Table) -> None:
    sink = io.BytesIO()
    pq.write_table(table, sink)
    store.storage.write(store.path(paths.TRIALS, name), sink.getvalue())


def test_the_newest_row_of_a_trial_counts_before_and_after_they_are_put_together(empty: SweepStore) -> None:
    assert empty.rows() == []
    newer = FIRST | {"robust_correct": 399}
    for rows in ([FIRST], [SECOND], [newer]):
        empty.write_rows(rows)
    found = {row["trial_id"]: row["robust_correct"] for row in empty.rows()}
    assert found == {FIRST["trial_id"]: 399, SECOND["trial_id"]: 300}
    assert len(empty.row_table()) == 3
    empty.compact_rows()
    assert len(empty.row_table()) == 2
    assert {row["trial_id"]: row["robust_correct"] for row in empty.rows()} == found
    assert len(empty.storage.list_names(empty.path(paths.TRIALS))) == 1


def test_a_failure_never_hides_a_finished_row_of_the_same_stages() -> None:
    failed = FIRST | {"status": "failed", "robust_correct": None}
    assert select_newest_rows([FIRST, failed]) == [FIRST]
    assert select_newest_rows([failed, FIRST]) == [FIRST]
    other = failed | {"attack_key": "f" * 64}
    assert select_newest_rows([FIRST, other]) == [other], "other stages: what is finished is of the past"


def test_rows_of_another_version_are_read(empty: SweepStore) -> None:
    """One that knew fewer columns, and one that knows more."""
    known = ["trial_id", "status", "attack_key", "robust_correct", "config"]
    add_part(empty, "0001.parquet", pa.Table.from_pylist([FIRST], schema=TRIALS).select(known))
    more = pa.Table.from_pylist([SECOND], schema=TRIALS).append_column("later", pa.array(["x"]))
    add_part(empty, "0002.parquet", more)
    rows = {row["trial_id"]: row for row in empty.rows()}
    first = rows[FIRST["trial_id"]]
    assert list(first) == TRIALS.names
    assert {name: first[name] for name in known} == {name: FIRST[name] for name in known}
    assert (first["clean_correct"], first["device"]) == (None, None)
    assert rows[SECOND["trial_id"]]["robust_correct"] == 300
    assert "later" not in rows[SECOND["trial_id"]]


@pytest.mark.parametrize("content", [b"", b"[]", b'{"stages": {"../../x": 1}, "trials": []}'])
def test_a_plan_that_no_launch_has_written_is_refused(empty: SweepStore, content: bytes) -> None:
    empty.storage.write(empty.path(paths.PLAN), content)
    with pytest.raises(UsageError, match=r"plan.json: .*is no plan"):
        empty.plan()


def test_a_trial_is_found_where_it_is_finished(tmp_path: Path) -> None:
    """The same trials are in three sweeps: begun, finished, and begun again later."""

    def unfinished(_: int) -> bool:
        return False

    sweeps = [
        made_up(tmp_path, WITHOUT_TUNING, "a", finished=unfinished),
        made_up(tmp_path, WITHOUT_TUNING, "b", images=False),
        made_up(tmp_path, WITHOUT_TUNING, "c", finished=unfinished),
    ]
    trial_id = sweeps[1].rows()[0]["trial_id"]
    assert all(trial_id in {trial["trial_id"] for trial in sweep.plan()["trials"]} for sweep in sweeps)
    sweep, keys, stages = find_trial(sweeps[0].storage, trial_id[:7])
    assert sweep.sweep_id == sweeps[1].sweep_id
    assert set(keys) <= stages.keys()
    for name in sweep.storage.list_names(sweep.path(paths.TRIALS)):
        sweep.storage.remove(sweep.path(paths.TRIALS, name))
    assert find_trial(sweeps[0].storage, trial_id)[0].sweep_id == sweeps[2].sweep_id, "finished nowhere: the last"


def test_a_plan_whose_keys_lead_nowhere_or_back_to_themselves_is_refused(tmp_path: Path) -> None:
    sweep = made_up(tmp_path, {**WITHOUT_TUNING, "seed": 0}, images=False)
    plan = json.loads(sweep.storage.read(sweep.path(paths.PLAN)))
    stages = plan["stages"]
    attack = plan["trials"][0]["stages"][-1]
    (model,) = stages[attack]["upstream"].values()
    assert sweep.plan() == plan
    circle = {**stages[model], "upstream": {"model": attack}}
    for changed in (
        {key: stage for key, stage in stages.items() if key != attack},
        {key: stage for key, stage in stages.items() if key != model},
        {**stages, model: circle},
    ):
        sweep.storage.write(sweep.path(paths.PLAN), json.dumps({**plan, "stages": changed}).encode())
        with pytest.raises(MisplacedError, match=r"is no plan that a launch has written$"):
            sweep.plan()


def test_a_space_is_a_mapping_or_is_not_there(empty: SweepStore) -> None:
    assert empty.space() == {}
    for content, message in ((b"[1]", "space.yaml: is no search space"), (b"\xff", "space.yaml: is not UTF-8")):
        empty.storage.write(empty.path(paths.SPACE), content)
        with pytest.raises(MisplacedError, match=f"{message}$"):
            empty.space()
    empty.storage.write(empty.path(paths.SPACE), b"{seed: 3}")
    assert empty.space() == {"seed": 3}
