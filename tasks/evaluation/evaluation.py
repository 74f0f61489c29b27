"""What came out of an evaluation: a row for each image, batch by batch."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

import pyarrow as pa
from torch import Tensor

from tasks.arithmetic import compute_in_parts
from tasks.attacks.engine.path import PathCounts
from tasks.evaluation.preview import Preview
from tasks.schema import EXAMPLES


@dataclass(frozen=True)
class Evaluation:
    """One attack on the test images, or one certificate of them: a row per image, and a few of the attacked images."""

    table: pa.Table
    """`schema.EXAMPLES`, without the stage key."""
    preview: Preview | None
    """Null of a certificate, which makes no images."""
    remembered: int = 0
    """Examples that a judge which has seen the clean images answers otherwise than one that has not: see `asked`."""
    asked: int = 0
    """Examples that both were asked about."""
    path: PathCounts = field(default_factory=dict)
    """How the attack went on its way, in images; zeros where it does not tell."""

    def count_correct(self) -> dict[str, int]:
        """Examples, and how many are classified correctly before and after."""
        label = self.table["label"].to_numpy()
        clean = self.table["clean_prediction"].to_numpy() == label
        robust = self.table["robust"].to_numpy()
        return {"examples": len(label), "clean_correct": int(clean.sum()), "robust_correct": int(robust.sum())}


def build_table(columns: Mapping[str, Tensor | None], length: int) -> pa.Table:
    """`schema.EXAMPLES` without the stage key; columns that are not given are null.

    :param columns: name -> values [N].
    """
    schema = pa.schema([column for column in EXAMPLES if column.name != "stage_key"])
    return pa.table({name: _build_column(columns.get(name), schema.field(name), length) for name in schema.names})


def _build_column(values: Tensor | None, column: pa.Field, length: int) -> pa.Array:
    if values is None:
        return pa.nulls(length, column.type)
    return pa.array(values.cpu().numpy()).cast(column.type)


def evaluate_in_memory(
    evaluate_batch: Callable[[Tensor], list[Evaluation]], chosen: Tensor, size: int
) -> list[Evaluation]:
    """Evaluate batch by batch; where one does not fit in memory it is halved, and so are all that follow.

    :param evaluate_batch: places of images int64 [N] -> an evaluation for each cell.
    :param chosen: places of all images, int64 [M].
    :param size: of the first batch.
    :returns: an evaluation of all images for each cell.
    :raises MemoryError: not even one image fits.
    """
    batches = list(compute_in_parts(lambda part: evaluate_batch(chosen[part]), len(chosen), size))
    return [_join_parts(parts) for parts in zip(*batches, strict=True)]


def _join_parts(parts: Sequence[Evaluation]) -> Evaluation:
    previews = [part.preview for part in parts if part.preview is not None]
    return Evaluation(
        pa.concat_tables([part.table for part in parts]),
        Preview.concatenate(previews) if previews else None,
        sum(part.remembered for part in parts),
        sum(part.asked for part in parts),
        {name: sum(part.path[name] for part in parts) for name in parts[0].path},
    )
