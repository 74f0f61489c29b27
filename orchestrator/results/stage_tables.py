"""The tables that finished stages keep: the epochs of their training, the images that they attacked."""

from __future__ import annotations

from typing import Any

import pyarrow as pa

from orchestrator.store.sweep_store import SweepStore
from tasks import paths
from tasks.errors import MisplacedError, UnreadableError
from tasks.schema import HISTORY, TRIALS, check_table, read_table
from tasks.storage.documents import note_passed_over
from tasks.storage.stage_store import StageStore
from tasks.storage.storage import Storage


def load_stage_table(store: StageStore, key: str, name: str, schema: pa.Schema) -> pa.Table | None:
    """A table of one stage; null where it is missing, and where it cannot be read, which is said.

    :param name: of the file, such as `paths.HISTORY`.
    """
    content = store.read_if_whole(key, name)
    if content is None:
        return None
    try:
        return read_table(content, schema)
    except pa.ArrowException as error:
        note_passed_over(MisplacedError(f"stage {key[:12]}: {name}: {error}"))
        return None


def is_readable(storage: Storage, schema: pa.Schema, file: str) -> bool:
    """Whether a query may read a file: it is there, it is a table of this kind, and its size is within the limits."""
    try:
        check_table(storage.read(file), schema)
    except FileNotFoundError:
        return False
    except UnreadableError as error:
        note_passed_over(error)
        return False
    except pa.ArrowException as error:
        note_passed_over(MisplacedError(f"{storage.describe_place(file)}: {error}"))
        return False
    return True


def list_stage_keys(sweep: SweepStore) -> list[str]:
    """The stages of every trial that has a row."""
    names = [name for name in TRIALS.names if name.endswith("_key")]
    return sorted({row[name] for row in sweep.rows() for name in names if row[name]})


def load_history(sweep: SweepStore) -> list[dict[str, Any]]:
    """The epochs of every stage of a sweep, rows of `schema.HISTORY`."""
    store = StageStore(sweep.storage)
    tables = (load_stage_table(store, key, paths.HISTORY, HISTORY) for key in list_stage_keys(sweep))
    return [row for table in tables if table is not None for row in table.to_pylist()]
