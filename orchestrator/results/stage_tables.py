"""The tables that finished stages keep: the epochs of their training, the images that they attacked."""

from __future__ import annotations

import functools
from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

import pyarrow as pa

from orchestrator.store.sweep_store import SweepStore
from orchestrator.store.trial_rows import READERS
from tasks import paths
from tasks.errors import MisplacedError, UnreadableError
from tasks.kinds import TRAINING_KINDS
from tasks.schema import HISTORY, check_table, read_table
from tasks.storage.documents import note_passed_over
from tasks.storage.stage_store import StageStore
from tasks.storage.storage import Storage
from tasks.trial.row import Row

if TYPE_CHECKING:
    import pyarrow.dataset as ds

WITH_HISTORY = tuple(f"{kind}_key" for kind in (*TRAINING_KINDS, "generator"))
"""Columns of the trials table that name stages which run epochs."""


def load_stage_table(
    store: StageStore, key: str, name: str, schema: pa.Schema, only: Sequence[str] | None = None
) -> pa.Table | None:
    """A table of one stage; null where it is missing, and where it cannot be read, which is said.

    :param name: of the file, such as `paths.HISTORY`.
    :param only: columns to read; null: all of the schema.
    """
    content = store.read_if_whole(key, name)
    if content is None:
        return None
    try:
        return read_table(content, schema, only)
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


def open_stage_files(sweep: SweepStore, keys: Iterable[str], name: str, schema: pa.Schema) -> pa.Table | ds.Dataset:
    """The tables of one name of these stages, as far as they are there; read when they are asked for."""
    storage, store = sweep.storage, StageStore(sweep.storage)
    known = set(store.list_keys())
    with ThreadPoolExecutor(READERS) as pool:
        found = pool.map(lambda key: store.find_file(key, name), [key for key in keys if key in known])
        files = [file for file in found if file is not None]
        kept = pool.map(functools.partial(is_readable, storage, schema), files)
        present = [storage.path(file) for file, readable in zip(files, kept, strict=True) if readable]
    if not present:
        return schema.empty_table()
    import pyarrow.dataset as ds  # it imports pandas, which takes longer than to read a sweep

    texts = {field.name for field in schema if field.type == pa.string()}
    for column in texts:  # the same in millions of rows: read as numbers, seen as text
        place = schema.get_field_index(column)
        schema = schema.set(place, pa.field(column, pa.dictionary(pa.int32(), pa.string())))
    form = ds.ParquetFileFormat(dictionary_columns=texts)
    return ds.dataset(present, schema=schema, filesystem=storage.filesystem, format=form)


def load_history(store: StageStore, rows: Iterable[Row]) -> list[dict[str, Any]]:
    """The epochs of the stages that these trials are built on, each stage once: rows of `schema.HISTORY`."""
    keys = sorted({row[name] for row in rows for name in WITH_HISTORY if row[name]})
    tables = (load_stage_table(store, key, paths.HISTORY, HISTORY) for key in keys)
    return [row for table in tables if table is not None for row in table.to_pylist()]
