"""The same images under attack on several models, out of what the storage keeps of each trial."""

from __future__ import annotations

import functools
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from orchestrator.report.closeup import Columns, ImageRecords
from orchestrator.report.spotlight import select_configurations
from orchestrator.report.study import Configuration, Measured, Study
from orchestrator.results.compare_trials import split_of
from tasks.evaluation.preview import Preview, load_preview
from tasks.trial.row import Row


@dataclass(frozen=True)
class AttackedImages:
    """The images of a gallery under attack on one model."""

    configuration: Configuration
    preview: Preview
    """Of these images alone, in their order."""
    label: NDArray[np.int64]
    said: NDArray[np.int64]
    """Predicted classes of the adversarial images, [N]."""
    confidence: NDArray[np.float64]


@dataclass(frozen=True)
class Gallery:
    """What the storage keeps of the configurations of the spotlight."""

    index: tuple[int, ...]
    """Places in the test split, ascending."""
    attacked: tuple[AttackedImages, ...]
    note: str
    """Why there are no images, or not of every model; empty where all is well."""


def collect_gallery(study: Study, records: ImageRecords) -> Gallery:
    """The images that the first seeds of the spotlight all keep, as the headline attack left them."""
    entries = [study.measured[configuration.key, study.headline.key] for configuration in select_configurations(study)]
    alike = [entry for entry in entries if split_of(entry.rows[0]) == split_of(entries[0].rows[0])]
    kept = [
        (entry.configuration, *found) for entry in alike if (found := _load_stored(_pick_first_seed(entry), records))
    ]
    if not kept:
        return Gallery(
            (), (), "No images: the storage keeps none of these trials. Attacks of older versions have none."
        )
    index: NDArray[np.int64] = functools.reduce(np.intersect1d, [preview.index for _, preview, _ in kept])
    if not len(index):
        return Gallery((), (), "No images: those that the storage keeps of these trials have none in common.")
    shown = tuple(_collect_attacked(configuration, preview, columns, index) for configuration, preview, columns in kept)
    return Gallery(tuple(index.tolist()), shown, _explain_missing(entries, alike, kept))


def _pick_first_seed(entry: Measured) -> Row:
    return min(entry.rows, key=lambda row: int(row["seed"]))


def _load_stored(row: Row, records: ImageRecords) -> tuple[Preview, Columns] | None:
    columns = records.columns(row["attack_key"])
    preview = load_preview(records.store, row["attack_key"])
    return (preview, columns) if columns and preview else None


def _collect_attacked(
    configuration: Configuration, preview: Preview, columns: Columns, index: NDArray[np.int64]
) -> AttackedImages:
    """:param index: places in the split, ascending, all of which the preview has."""
    at = np.intersect1d(preview.index, index, return_indices=True)[1]
    rows = np.intersect1d(columns["index"], index, return_indices=True)[1]
    return AttackedImages(
        configuration,
        Preview(preview.index[at], preview.original[at], preview.perturbation[at]),
        columns["label"][rows].astype(np.int64),
        columns["adversarial_prediction"][rows].astype(np.int64),
        columns["adversarial_confidence"][rows].astype(np.float64),
    )


def _explain_missing(entries: Sequence[Measured], alike: Sequence[Measured], kept: Sequence[object]) -> str:
    """Which of the models are not shown, and why."""
    absent, elsewhere = len(alike) - len(kept), len(entries) - len(alike)
    reasons = [
        f"the storage keeps no images of {absent} of these models" if absent else "",
        f"{elsewhere} of these models have other test images" if elsewhere else "",
    ]
    told = "; ".join(filter(None, reasons))
    return f"Not all are shown: {told}." if told else ""
