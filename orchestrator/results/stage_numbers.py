"""Numbers that stand in what stages keep, not in the rows of trials: epochs of a training, confidence in each image."""

from __future__ import annotations

import functools
from collections.abc import Sequence

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from orchestrator.results.stage_tables import load_stage_table
from tasks import paths
from tasks.schema import EXAMPLES, HISTORY
from tasks.storage.stage_store import StageStore
from tasks.trial.row import Row

SCHEMAS = {paths.HISTORY: HISTORY, paths.EXAMPLES: EXAMPLES}


class StageNumbers:
    """The tables of the stages of a storage, each read once, when it is asked for."""

    def __init__(self, store: StageStore) -> None:
        self._load = functools.lru_cache(maxsize=64)(functools.partial(_load_table, store))

    def read_images(self, rows: Sequence[Row], column: str) -> list[NDArray[np.float64]]:
        """A column of `schema.EXAMPLES` for each trial whose attacked images can be read.

        :returns: an array [N] for each, N images.
        """
        tables = (self._load(row["attack_key"], paths.EXAMPLES) for row in rows)
        return [table[column].to_numpy().astype(np.float64) for table in tables if table is not None]

    def read_epoch(self, rows: Sequence[Row], stage: str, epoch: int, column: str) -> list[float]:
        """A column of `schema.HISTORY` for each distinct stage of a kind that the trials are built on.

        :param epoch: from 1.
        :returns: the values that are there; a stage without this epoch or this column has none.
        """
        keys = dict.fromkeys(row[f"{stage}_key"] for row in rows if row[f"{stage}_key"])
        found = (_find_epoch(self._load(key, paths.HISTORY), epoch, column) for key in keys)
        return [value for value in found if value is not None]


def _load_table(store: StageStore, key: str, name: str) -> pa.Table | None:
    """The table of a stage by the name of its file, since Arrow before 22 cannot hash a schema with metadata."""
    return load_stage_table(store, key, name, SCHEMAS[name])


def _find_epoch(table: pa.Table | None, epoch: int, column: str) -> float | None:
    """:param epoch: from 1; the table counts from 0."""
    if table is None:
        return None
    values = dict(zip(table["epoch"].to_pylist(), table[column].to_pylist(), strict=True))
    value: float | None = values.get(epoch - 1)
    return value
