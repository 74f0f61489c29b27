"""Rows of a certificate and of an attack on the same classifier, and what is stored of their images."""

from __future__ import annotations

from typing import Any

import pyarrow as pa

from orchestrator.results.image_reader import ImageReader
from tasks.schema import EXAMPLES
from tasks.storage.stage_store import StageStore
from tasks.storage.storage import open_storage
from tests.support.rows import row

IMAGES = 40
SMOOTHING = {"name": "randomized_smoothing", "eps": 0.25, "sigma": 0.25}


class StoredImages(ImageReader):
    """Images of trials, by the name of the attack."""

    def __init__(self, **columns: dict[str, list[Any]]) -> None:
        super().__init__(StageStore(open_storage("nowhere")))
        self.columns = columns

    def load_table(self, row: dict[str, Any], *columns: str) -> pa.Table:
        given = {"index": list(range(IMAGES)), "label": [1] * IMAGES, **self.columns[row["attack"]]}
        return pa.Table.from_pylist(
            [
                dict.fromkeys(EXAMPLES.names) | dict(zip(given, values, strict=True))
                for values in zip(*given.values(), strict=True)
            ],
            schema=EXAMPLES,
        ).select(columns)

    def __call__(self, row: dict[str, Any]) -> None:  # noqa: ARG002
        return None


def attack(robust: int = 500, **more: Any) -> dict[str, Any]:
    return row({"name": "pgd", "norm": "l2", "eps": 0.25, "steps": 5}, robust) | more


def certificate(robust: int = 400, **more: Any) -> dict[str, Any]:
    return row(SMOOTHING, robust) | {"transformations": None, **more}
