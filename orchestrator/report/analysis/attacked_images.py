"""A few images under attack on several models, out of what the storage keeps of each trial."""

from __future__ import annotations

import base64
import functools
import io
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from orchestrator.report.analysis.image_results import Columns, ImageRecords
from orchestrator.report.analysis.study import Configuration, Measured
from orchestrator.report.analysis.tables import Rows
from orchestrator.results.compare_trials import split_of
from tasks.evaluation.preview import Preview, load_preview
from tasks.trial.row import Row

LARGEST = 256
"""Pixels that a picture has along its longer side at most."""


@dataclass(frozen=True)
class AttackedImages:
    """The images of a gallery under attack on one model."""

    configuration: Configuration
    preview: Preview
    """Of these images alone, in their order."""
    label: NDArray[np.int64]
    """True classes, [N]."""
    prediction: NDArray[np.int64]
    """Predicted classes of the adversarial images, [N]."""
    confidence: NDArray[np.float64]
    """Softmax of the predicted class, [N]."""
    attack: str
    """What the attack is called where there are several; else empty."""
    witness: NDArray[np.int64] | None = None
    """What the witness of an unrestricted attack says of the adversarial images, [N]; null: it has none."""

    @property
    def title(self) -> str:
        """The model, and the attack where there are several."""
        return ", ".join(filter(None, [self.configuration.label, self.attack]))


@dataclass(frozen=True)
class Gallery:
    """What the storage keeps of some configurations under some attacks."""

    index: tuple[int, ...]
    """Places in the test split, ascending."""
    attacked: tuple[AttackedImages, ...]
    note: str
    """Why there are no images, or not of every model; empty where all is well."""

    def find_amplification(self, attack: str) -> int:
        """What perturbations of one attack are multiplied by so that the largest of them just reaches black or white,
        the same for all models.
        """
        alike = [found.preview.perturbation for found in self.attacked if found.attack == attack]
        largest = max((float(np.abs(perturbation).max()) for perturbation in alike), default=0.0)
        return max(1, int(0.5 / largest)) if largest else 1


def collect_gallery(entries: Sequence[Measured], records: ImageRecords) -> Gallery:
    """The images that the first seeds of all entries keep, as the attacks left them."""
    alike = [entry for entry in entries if split_of(entry.rows[0]) == split_of(entries[0].rows[0])]
    kept = [(entry, *found) for entry in alike if (found := _load_stored(_pick_first_seed(entry), records))]
    several = len({entry.threat.key for entry, _, _ in kept}) > 1
    if not kept:
        return Gallery(
            (), (), "No images: the storage keeps none of these trials. Attacks of older versions have none."
        )
    index: NDArray[np.int64] = functools.reduce(np.intersect1d, [preview.index for _, preview, _ in kept])
    if not len(index):
        return Gallery((), (), "No images: those that the storage keeps of these trials have none in common.")
    attacked = tuple(
        _collect_attacked(entry, preview, columns, index, entry.threat.label if several else "")
        for entry, preview, columns in kept
    )
    return Gallery(tuple(index.tolist()), attacked, _explain_missing(entries, alike, kept))


def _pick_first_seed(entry: Measured) -> Row:
    return min(entry.rows, key=lambda row: int(row["seed"]))


def _load_stored(row: Row, records: ImageRecords) -> tuple[Preview, Columns] | None:
    columns = records.columns(row["attack_key"])
    preview = load_preview(records.store, row["attack_key"])
    return (preview, columns) if columns and preview else None


def _collect_attacked(
    entry: Measured, preview: Preview, columns: Columns, index: NDArray[np.int64], attack: str
) -> AttackedImages:
    """:param index: places in the split, ascending, all of which the preview has."""
    at = np.intersect1d(preview.index, index, return_indices=True)[1]
    rows = np.intersect1d(columns["index"], index, return_indices=True)[1]
    witness = columns["witness_prediction"][rows].tolist()
    return AttackedImages(
        entry.configuration,
        Preview(preview.index[at], preview.original[at], preview.perturbation[at]),
        columns["label"][rows].astype(np.int64),
        columns["adversarial_prediction"][rows].astype(np.int64),
        columns["adversarial_confidence"][rows].astype(np.float64),
        attack,
        None if None in witness else np.array(witness, np.int64),
    )


def _explain_missing(entries: Sequence[Measured], alike: Sequence[Measured], kept: Sequence[object]) -> str:
    """Which of the models are not shown, and why."""
    absent, elsewhere = len(alike) - len(kept), len(entries) - len(alike)
    reasons = [
        f"the storage keeps no images of {absent} of these models" if absent else "",
        f"{elsewhere} of these models have other test images" if elsewhere else "",
    ]
    text = "; ".join(filter(None, reasons))
    return f"Not all are shown: {text}." if text else ""


def list_images(gallery: Gallery, classes: Sequence[str]) -> Rows:
    """A row for each picture: `model` (place in the gallery), `place` (of the image in the split), `column` (the
    original, the adversarial image or the amplified perturbation), `picture` (a data URI), `text`, `state` (whether
    who is quoted was right). Under the perturbation of an unrestricted attack stands what its witness says: an
    example counts only where that is the label.
    """
    rows: Rows = []
    for model, found in enumerate(gallery.attacked):
        factor = gallery.find_amplification(found.attack)
        perturbation = found.preview.perturbation.astype(np.float32)
        amplified = np.clip(0.5 + factor * perturbation, 0, 1)
        for number, place in enumerate(gallery.index):
            said = _name_state(found.prediction[number] == found.label[number])
            prediction = f"{classes[found.prediction[number]]} ({100 * found.confidence[number]:.0f} %)"
            witness, kept = "", ""
            if found.witness is not None:
                witness = f"witness: {classes[found.witness[number]]}"
                kept = _name_state(found.witness[number] == found.label[number])
            for column, pixels, text, state in (
                ("original", found.preview.clean, classes[found.label[number]], ""),
                ("adversarial", found.preview.adversarial, prediction, said),
                (f"perturbation x {factor}", amplified, witness, kept),
            ):
                rows.append({"model": model, "place": place, "column": column,
                             "picture": encode_picture(pixels[number]), "text": text, "state": state})  # fmt: skip
    return rows


def _name_state(is_right: object) -> str:
    return "right" if is_right else "wrong"


def encode_picture(pixels: NDArray[np.float32]) -> str:
    """[C, H, W] in [0, 1] as a PNG in a data URI, pixel by pixel; large images are made smaller."""
    from PIL import Image

    values = (np.clip(pixels, 0, 1) * 255).round().astype(np.uint8).transpose(1, 2, 0)
    image = Image.fromarray(values.squeeze(2) if values.shape[2] == 1 else values)
    image.thumbnail((LARGEST, LARGEST))
    sink = io.BytesIO()
    image.save(sink, "PNG", optimize=True)
    return "data:image/png;base64," + base64.b64encode(sink.getvalue()).decode()
