"""The result tables: one schema for every writer and every reader. Pixels are in [0, 1], times in seconds, UTC."""

from __future__ import annotations

import io
from collections.abc import Sequence

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from tasks.kinds import KINDS
from tasks.parquet_pages import MOST_BYTES, check_size

VERSION = 1
"""Raised when a column changes its meaning; new columns do not raise it."""

RATES = ("clean_accuracy", "robust_accuracy", "attack_success_rate")


def _document_table(*columns: tuple[str, pa.DataType]) -> pa.Schema:
    return pa.schema([pa.field(name, kind) for name, kind in columns], metadata={"advsweep_schema": str(VERSION)})


TRIALS = _document_table(
    ("sweep_id", pa.string()),
    ("space", pa.string()),
    ("trial_id", pa.string()),
    ("replicate_id", pa.string()),
    ("seed", pa.int64()),
    ("dataset", pa.string()),
    ("model", pa.string()),
    ("pruning_ratio", pa.float64()),
    ("objective", pa.string()),
    ("lambda", pa.float64()),
    ("transformations", pa.string()),
    ("eps_train", pa.float64()),
    ("train_steps", pa.int64()),
    ("train_attack", pa.string()),
    ("train_eps_reached", pa.float64()),
    ("robust_train_accuracy", pa.float64()),
    ("catastrophic_overfitting_epoch", pa.int64()),
    ("attack", pa.string()),
    ("attack_norm", pa.string()),
    ("attack_eps", pa.float64()),
    ("attack_eps_space", pa.string()),
    ("attack_steps", pa.int64()),
    ("bound", pa.string()),
    ("eps_reached", pa.float64()),
    ("attack_targeted", pa.bool_()),
    ("attack_surrogate", pa.string()),
    ("stop_when_fooled", pa.bool_()),
    ("only_correct", pa.bool_()),
    ("split", pa.string()),
    ("classes", pa.int64()),
    ("examples", pa.int64()),
    ("clean_correct", pa.int64()),
    ("robust_correct", pa.int64()),
    *((f"{rate}{end}", pa.float64()) for rate in RATES for end in ("", "_low", "_high")),
    ("prepared", pa.bool_()),
    ("gradient_images", pa.int64()),
    ("zero_gradients", pa.int64()),
    ("deterministic", pa.bool_()),
    ("health", pa.string()),
    ("verdict", pa.string()),
    ("verdicts", pa.string()),
    ("verdict_reason", pa.string()),
    ("worst_case_correct", pa.int64()),
    ("worst_case_examples", pa.int64()),
    ("parameters", pa.int64()),
    ("nonzero_parameters", pa.int64()),
    ("macs", pa.int64()),
    ("inference_seconds", pa.float64()),
    *((f"{kind}_seconds", pa.float64()) for kind in KINDS),
    ("device", pa.string()),
    ("threads", pa.int64()),
    ("status", pa.string()),
    ("error", pa.string()),
    *((f"{kind}_key", pa.string()) for kind in KINDS),
    ("config", pa.string()),
    ("versions", pa.string()),
    ("started_at", pa.timestamp("us", tz="UTC")),
    ("finished_at", pa.timestamp("us", tz="UTC")),
)
"""One row per trial. `objective` is what training minimised: of the last stage where that was not plain cross-entropy,
which is `standard`; null where nothing was trained. `train_attack` made the examples of that training, of `eps_train`
and `train_steps`; `train_eps_reached` is the largest perturbation among them, `eps_reached` the largest of the
evaluation, each in the norm and unit of its budget, so that a budget that the steps never reach is seen.
`robust_train_accuracy` is what the published model has on some training images under the PGD probe of a training attack
of a single step, and `catastrophic_overfitting_epoch` the epoch in which that fell. `transformations` are those
before the model at inference; null where there are none. `bound` tells
what robust accuracy is: `upper`, by an attack (a stronger one may find more), or `lower`, by a certificate. `threads`
are the threads of torch that trained the model, on which its weights depend; where nothing was trained, those of the
attack. `attack_eps` is in the unit that `attack_eps_space` names; `attack_surrogate` is the model that examples were
made against, null where it is the trial's own; `prepared` tells whether the attack saw a folded copy of it, which does
the same, or the model as it is; `health` holds counts of what every stage notes of its model and its attack
(`tasks/evaluation/health.py`), as JSON; `*_low` and `*_high` are 95 % Wilson intervals; `config`, `versions` and
`verdicts` are JSON; `verdict` is the worst of the verdicts, set when the grid is finished, and `verdict_reason` says
why, in words; `worst_case_correct` are the images that withstood every attack of this norm and budget which the grid
ran on this model, of the `worst_case_examples` that all of them saw (one on less than half as many images as another
is left out), null where the model answers at random, so that draws of several attacks would add up; a failed trial
has nulls where there is no result. The time of a run that made several attack stages is divided among their
`attack_seconds`, so that sums over stages are the time spent. `inference_seconds` is the
measured time of one image in a batch of 64. Columns that a version added are null in rows of earlier ones."""

HISTORY = _document_table(
    ("stage_key", pa.string()),
    ("stage", pa.string()),
    ("epoch", pa.int64()),
    ("train_loss", pa.float64()),
    ("train_accuracy", pa.float64()),
    ("validation_loss", pa.float64()),
    ("validation_accuracy", pa.float64()),
    ("robust_validation_accuracy", pa.float64()),
    ("robust_train_accuracy", pa.float64()),
    ("learning_rate", pa.float64()),
    ("eps_reached", pa.float64()),
    ("seconds", pa.float64()),
)
"""One row per epoch of a stage that trains; validation columns are null where no validation part is held out, the
robust one where there is no `validation_attack`. `robust_train_accuracy` is that of some training images under PGD,
where the training attack takes a single step. `eps_reached` is the largest perturbation among the examples that the
epoch was trained on, in the norm of the attack that made them; null where no examples are made, and in stages that
earlier versions ran."""

EXAMPLES = _document_table(
    ("stage_key", pa.string()),
    ("index", pa.int64()),
    ("label", pa.int32()),
    ("target", pa.int32()),
    ("clean_prediction", pa.int32()),
    ("clean_confidence", pa.float32()),
    ("adversarial_prediction", pa.int32()),
    ("adversarial_confidence", pa.float32()),
    ("linf", pa.float32()),
    ("l2", pa.float32()),
    ("l1", pa.float32()),
    ("l0", pa.int32()),
    ("robust", pa.bool_()),
    ("witness_clean_prediction", pa.int32()),
    ("witness_prediction", pa.int32()),
    ("radius", pa.float64()),
    ("samples", pa.int64()),
)
"""One row per attacked image: its place in the test split, what the model said before and after, and how large the
perturbation is in each norm. `target` is the class that a targeted attack was to reach. An image is robust if it is
classified correctly without the attack and under it; a perturbation beyond the budget does not count, nor an
unrestricted example unless the witness sees the label in the clean image (`witness_clean_prediction`; null: it was not
asked) and in the example (`witness_prediction`; null: there is no witness).
Confidence is the softmax of the predicted class. Of a certificate, `robust` tells whether the image is certified at
the budget: `radius` is the size below which no perturbation changes the answer, in pixels of [0, 1] (null: by an
attack), `samples` how often the model was asked, `clean_prediction` the answer of the certified classifier (-1: it
abstains), `clean_confidence` under noise a lower bound of the probability of that answer; there is no adversarial
image."""


def check_table(content: bytes, schema: pa.Schema, only: Sequence[str] | None = None) -> pq.ParquetFile:
    """The Parquet file, opened but not read.

    :param only: columns that are going to be read, no others are measured; null: all of the schema.
    :raises pa.ArrowException: it is no Parquet file, has no column of the schema, has one of another type, or is larger
        than `parquet_pages` allows.
    """
    try:
        metadata = pq.read_metadata(io.BytesIO(content))
        columns = metadata.schema.to_arrow_schema()
        types = {field.name: field.type for field in schema}
        known = [field for field in columns if field.name in types]
        texts = [field.name for field in known if pa.types.is_string(field.type)]
        file = pq.ParquetFile(io.BytesIO(content), metadata=metadata, read_dictionary=texts)
    except (OSError, UnicodeError, OverflowError) as error:  # what Arrow says of a damaged footer
        raise pa.ArrowInvalid(f"it is no Parquet file: {error}") from error
    if not known:
        raise pa.ArrowInvalid(f"none of its columns is known: {', '.join(columns.names[:20])}")
    if len({field.name for field in known}) < len(known):
        raise pa.ArrowInvalid("a column stands twice")
    for field in known:
        wanted = types[field.name]
        found = field.type.value_type if pa.types.is_dictionary(field.type) else field.type
        if found != wanted and (pa.types.is_nested(found) or pa.types.is_string(found) != pa.types.is_string(wanted)):
            raise pa.ArrowInvalid(f"its column {field.name} holds {found}, not {wanted}")
    check_size(content, metadata, only)
    return file


def read_table(content: bytes, schema: pa.Schema, only: Sequence[str] | None = None) -> pa.Table:
    """The Parquet file as a table of this schema, also where another version wrote it.

    Columns that the file lacks are null, and those that the schema lacks are left out.

    :param only: columns to read; null: all of the schema.
    :raises pa.ArrowException: it cannot be read, or not as this table; `check_table` says more.
    """
    file = check_table(content, schema, only)
    if only is not None:
        schema = pa.schema([schema.field(name) for name in only])
    asked = set(schema.names)
    names = [name for name in file.schema_arrow.names if name in asked]
    try:
        stored = file.read(columns=names, use_threads=len(content) > FEW_BYTES)
    except (OSError, UnicodeError, OverflowError) as error:
        raise pa.ArrowInvalid(f"its pages cannot be read: {error}") from error
    if sum(map(_measure_texts, stored.columns)) > MOST_BYTES:
        raise pa.ArrowInvalid(f"its texts are longer than {MOST_BYTES:,} bytes, the most that is read")
    found = dict(zip(stored.column_names, stored.columns, strict=True))
    columns = [_convert(found[field.name], field.type) if field.name in found else pa.nulls(len(stored), field.type)
               for field in schema]  # fmt: skip
    return pa.table(columns, schema=schema)


FEW_BYTES = 1_000_000
"""Of a file that one thread reads before others have begun."""


def _convert(column: pa.ChunkedArray, wanted: pa.DataType) -> pa.ChunkedArray:
    return column if column.type == wanted else column.cast(wanted)


def _measure_texts(column: pa.ChunkedArray) -> int:
    """Bytes of the texts of a column of numbered texts, each counted as often as it stands; 0 for another column."""
    if not pa.types.is_dictionary(column.type):
        return 0
    sizes = (pc.sum(pc.binary_length(chunk.dictionary).take(chunk.indices)).as_py() for chunk in column.chunks)
    return sum(size or 0 for size in sizes)
