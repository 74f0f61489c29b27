"""The tables of stages: those that are there and can be read, and what is said of the others."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from orchestrator.results.stage_tables import (
    is_readable,
    load_history,
    load_stage_table,
    open_stage_files,
)
from orchestrator.store.sweep_store import SweepStore
from tasks import paths
from tasks.kinds import KINDS
from tasks.schema import HISTORY
from tasks.storage.stage_store import StageStore
from tasks.storage.storage import open_storage
from tests.support.rows import ifgsm
from tests.support.stage_records import make_stage_record

ONE, TWO, THREE, FOUR, LAST, BROKEN, EMPTY, MISSING = (letter * 64 for letter in "01234567")
HISTORIES = {ONE: (0.5,), TWO: (0.25, 0.125), THREE: (0.75,), FOUR: (0.875,), LAST: (0.9,), BROKEN: (), EMPTY: None}


def make_history(key: str, *losses: float) -> pa.Table:
    blank = dict.fromkeys(HISTORY.names)
    rows = [blank | {"stage_key": key, "stage": "train", "epoch": place, "train_loss": loss}
            for place, loss in enumerate(losses)]  # fmt: skip
    return pa.Table.from_pylist(rows, schema=HISTORY)


@pytest.fixture
def sweep(tmp_path: Path) -> SweepStore:
    """Stages with a history, with one that is no Parquet file, and without one."""
    storage = open_storage(tmp_path)
    store = StageStore(storage)
    for place, (key, losses) in enumerate(HISTORIES.items()):
        draft = store.make_draft()
        if losses is not None:
            pq.write_table(make_history(key, *losses), draft / paths.HISTORY)
        if key == BROKEN:
            (draft / paths.HISTORY).write_bytes(b"PAR1 is not enough")
        store.publish(key, draft, make_stage_record(seed=place))
    return SweepStore(storage, "made-1")


def test_a_table_of_one_stage(sweep: SweepStore, caplog: pytest.LogCaptureFixture) -> None:
    store = StageStore(sweep.storage)
    table = load_stage_table(store, TWO, paths.HISTORY, HISTORY)
    assert table is not None
    assert table["train_loss"].to_pylist() == [0.25, 0.125]
    assert load_stage_table(store, EMPTY, paths.HISTORY, HISTORY) is None
    assert load_stage_table(store, MISSING, paths.HISTORY, HISTORY) is None
    assert not caplog.messages
    assert load_stage_table(store, BROKEN, paths.HISTORY, HISTORY) is None
    (note,) = caplog.messages
    assert f"stage {BROKEN[:12]}: {paths.HISTORY}: " in note


def test_a_query_reads_what_is_a_table_and_names_what_is_none(
    sweep: SweepStore, caplog: pytest.LogCaptureFixture
) -> None:
    names = {key: f"stages/{key}/{paths.HISTORY}" for key in (ONE, BROKEN, EMPTY)}
    found = {key: is_readable(sweep.storage, HISTORY, name) for key, name in names.items()}
    assert found == {ONE: True, BROKEN: False, EMPTY: False}
    (note,) = caplog.messages
    assert names[BROKEN] in note


def test_the_tables_of_the_stages_that_were_asked_for_are_one(sweep: SweepStore) -> None:
    found: Any = open_stage_files(sweep, [BROKEN, TWO, MISSING, EMPTY], paths.HISTORY, HISTORY)
    assert sorted(found.to_table()["train_loss"].to_pylist()) == [0.125, 0.25]
    assert found.schema.field("stage").type == pa.dictionary(pa.int32(), pa.string())
    assert found.schema.field("train_loss").type == HISTORY.field("train_loss").type
    nothing = open_stage_files(sweep, [EMPTY], paths.HISTORY, HISTORY)
    assert nothing.schema == HISTORY
    assert len(nothing.to_pylist()) == 0


def test_the_epochs_of_every_stage_that_trains_are_read_once(sweep: SweepStore) -> None:
    """An attack has none, whatever lies beside it."""
    built = ({"train_key": TWO}, {"train_key": TWO, "finetune_key": THREE, "prune_key": EMPTY},
             {"train_key": MISSING, "adversarial_finetune_key": FOUR, "generator_key": ONE})  # fmt: skip
    keys = dict.fromkeys(f"{kind}_key" for kind in KINDS)
    rows = [ifgsm("8/255", 5, 300) | keys | {"attack_key": LAST} | stages for stages in built]
    found = [(row["stage_key"], row["epoch"]) for row in load_history(StageStore(sweep.storage), rows)]
    assert found == [(ONE, 0), (TWO, 0), (TWO, 1), (THREE, 0), (FOUR, 0)]
