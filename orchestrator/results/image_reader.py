"""Reads which images withstand a trial, and what else is stored of them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pyarrow as pa

from orchestrator.results.stage_tables import load_stage_table
from tasks import paths
from tasks.schema import EXAMPLES
from tasks.storage.stage_store import StageStore
from tasks.trial.row import Row

Robust = dict[int, bool]
"""Place of an image in its split -> whether it withstands an attack."""
ReadRobust = Callable[[Row], "Robust | None"]
"""What is stored of the images of a trial; null where it is not known."""
MOST_KEPT = 4096
"""Answers that a reader keeps; one on 1,000 images takes 60 kB."""


def read_nothing(row: Row) -> Robust | None:  # noqa: ARG001
    """Where nobody may be asked about images."""
    return None


class ImageReader:
    """Reads the images of a trial where they are asked for; what was read is kept, and that it was missing."""

    def __init__(self, store: StageStore) -> None:
        self._store = store
        self._kept: dict[tuple[str, ...], Any] = {}
        """Key of an attack stage, and the columns that were asked for, if any -> what is known; null: it is missing."""

    def __call__(self, row: Row) -> Robust | None:
        found: Robust | None = self._find(self._load_robust, row["attack_key"])
        return found

    def load_table(self, row: Row, *columns: str) -> pa.Table | None:
        """These columns, one or more, of `schema.EXAMPLES` of a trial; null where it is not known."""
        return self._find(self._load_columns, row["attack_key"], *columns)

    def forget_missing(self) -> None:
        """What was missing may be there now, as after a launch: look for it again."""
        self._kept = {asked: found for asked, found in self._kept.items() if found is not None}

    def _find(self, load: Callable[..., Any], *asked: str) -> Any:
        if asked not in self._kept:
            if len(self._kept) >= MOST_KEPT:
                del self._kept[next(iter(self._kept))]  # the oldest
            self._kept[asked] = load(*asked)
        return self._kept[asked]

    def _load_columns(self, key: str, *columns: str) -> pa.Table | None:
        return load_stage_table(self._store, key, paths.EXAMPLES, EXAMPLES, only=columns)

    def _load_robust(self, key: str) -> Robust | None:
        table = self._load_columns(key, "index", "robust")
        if table is None:
            return None
        return dict(zip(table["index"].to_pylist(), table["robust"].to_pylist(), strict=True))
