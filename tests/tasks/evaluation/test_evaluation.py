"""Rows of an evaluation, put together out of batches."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from tasks.evaluation.evaluation import Evaluation, build_table, evaluate_in_memory
from tasks.evaluation.preview import Preview
from tasks.schema import EXAMPLES


def test_columns_that_are_not_given_are_null_and_the_others_have_the_types_of_the_schema() -> None:
    given = {
        "index": torch.tensor([7, 2]),
        "robust": torch.tensor([True, False]),
        "linf": torch.tensor([0.5, 0.25]).double(),
    }
    table = build_table({**given, "target": None}, 2)
    assert table.schema.names == [column.name for column in EXAMPLES if column.name != "stage_key"]
    assert all(column.type == EXAMPLES.field(column.name).type for column in table.schema)
    assert table["index"].to_pylist() == [7, 2]
    assert table["robust"].to_pylist() == [True, False]
    assert table["linf"].to_pylist() == [0.5, 0.25]
    assert all(table[name].null_count == 2 for name in table.schema.names if name not in given)


def make_preview(place: int) -> Preview:
    return Preview(np.array([place]), np.zeros((1, 1, 1, 1), np.uint8), np.zeros((1, 1, 1, 1), np.float16))


def test_batches_are_joined_in_order_for_each_cell() -> None:
    def evaluate_batch(places: Tensor) -> list[Evaluation]:
        first = int(places[0])
        return [
            Evaluation(
                build_table({"index": places + 100 * cell}, len(places)),
                make_preview(first) if cell == 0 and first != 2 else None,
                remembered=first + cell,
                asked=len(places),
                path={"silent": len(places), "stuck": cell},
            )
            for cell in range(2)
        ]

    one, other = evaluate_in_memory(evaluate_batch, torch.tensor([4, 9, 2, 5, 8]), 2)
    assert one.table["index"].to_pylist() == [4, 9, 2, 5, 8]
    assert other.table["index"].to_pylist() == [104, 109, 102, 105, 108]
    assert one.preview is not None
    assert one.preview.index.tolist() == [4, 8]
    assert other.preview is None
    assert (one.remembered, other.remembered, one.asked) == (14, 17, 5)
    assert (one.path, other.path) == ({"silent": 5, "stuck": 0}, {"silent": 5, "stuck": 3})
