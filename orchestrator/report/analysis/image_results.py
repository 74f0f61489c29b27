"""What the models said of every attacked image, before the attack and after it."""

from __future__ import annotations

import functools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from orchestrator.report.analysis.study import Configuration, Measured, Study
from orchestrator.report.analysis.tables import Rows
from orchestrator.report.analysis.worst_case_threat import WORST_OF
from orchestrator.results.compare_trials import split_of
from orchestrator.results.image_reader import ImageReader
from orchestrator.results.stage_tables import load_stage_table
from orchestrator.results.statistics import Interval, estimate_mean
from tasks import paths
from tasks.data.source import inspect_dataset
from tasks.errors import UsageError
from tasks.schema import EXAMPLES
from tasks.storage.stage_store import StageStore
from tasks.trial.read import read_row
from tasks.trial.row import Row

Columns = Mapping[str, NDArray[Any]]
WHEN = ("clean", "adversarial")
BINS = 20
"""Of a histogram of confidence."""


@dataclass(frozen=True)
class ImageResults:
    """One configuration under one attack, the images of all seeds together."""

    configuration: Configuration
    label: NDArray[np.int64]
    """True classes, [N]."""
    clean: NDArray[np.int64]
    """Predicted classes of the original images, [N]."""
    adversarial: NDArray[np.int64]
    """Predicted classes of the adversarial images, [N]."""
    clean_confidence: NDArray[np.float64]
    """Softmax of the predicted class, [N]."""
    adversarial_confidence: NDArray[np.float64]
    attack: str = ""
    """What the attack is called where there are several; else empty."""

    @property
    def title(self) -> str:
        """The model, and the attack where there are several."""
        return ", ".join(filter(None, [self.configuration.label, self.attack]))

    def count_confusions(self, when: str, classes: int) -> NDArray[np.int64]:
        """Images by true class (rows) and predicted class (columns), [classes, classes].

        :param when: `clean` or `adversarial`.
        """
        counts = np.zeros((classes, classes), np.int64)
        np.add.at(counts, (self.label, self.clean if when == "clean" else self.adversarial), 1)
        return counts

    @property
    def mean_confidence(self) -> tuple[Interval, Interval]:
        """Mean confidence before and after, with Student's t intervals over images, cut where confidence ends."""
        before, after = self.clean_confidence, self.adversarial_confidence
        return _cut(estimate_mean(before.tolist())), _cut(estimate_mean(after.tolist()))


def _cut(found: Interval) -> Interval:
    """The interval of a rate without what lies below 0 or above 1."""
    if found.low is None or found.high is None:
        return found
    return replace(found, low=max(found.low, 0.0), high=min(found.high, 1.0))


class ImageRecords:
    """What the storage keeps of every attacked image, read when it is asked for."""

    def __init__(self, store: StageStore) -> None:
        self.store = store
        self.unread: set[str] = set()
        """Keys of attack stages whose images cannot be read."""
        self.columns = functools.lru_cache(maxsize=256)(self._columns)
        self.read = ImageReader(store)
        """Which images withstand a trial: what one figure has read serves the next."""

    def _columns(self, key: str) -> Columns:
        """`schema.EXAMPLES` of one attack stage, sorted by image; empty where it cannot be read."""
        table = load_stage_table(self.store, key, paths.EXAMPLES, EXAMPLES)
        if table is None:
            self.unread.add(key)
            return {}
        table = table.sort_by("index")
        names = [name for name in table.column_names if name not in ("stage_key", "target")]
        return {name: np.array(table[name].to_pylist()) for name in names}  # `to_numpy` imports pandas

    @property
    def notes(self) -> list[str]:
        """What a reader should know of what is missing."""
        count = len(self.unread)
        return [f"The stored images of {count} trials cannot be read, so nothing is said of them"] if count else []

    def robust(self, row: Row) -> dict[tuple[str, int], bool]:
        """Test split and place in it -> whether the image is robust."""
        parts, split = [self.columns(key) for key in row.get(WORST_OF) or (row["attack_key"],)], split_of(row)
        if not all(parts):
            return {}
        sides = [dict(zip(part["index"].tolist(), part["robust"].tolist(), strict=True)) for part in parts]
        seen = [place for place in sides[0] if all(place in side for side in sides)]
        return {(split, place): all(side[place] for side in sides) for place in seen}


def collect_image_results(entries: Sequence[Measured], records: ImageRecords) -> list[ImageResults]:
    """Those of the entries whose images are stored."""
    found = []
    several = len({entry.threat.key for entry in entries}) > 1
    for entry in entries:
        parts = [columns for row in entry.rows if (columns := records.columns(row["attack_key"]))]
        if parts:
            whole = {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}
            found.append(_name_columns(entry, whole, entry.threat.label if several else ""))
    return found


def _name_columns(entry: Measured, columns: Columns, attack: str) -> ImageResults:
    return ImageResults(
        entry.configuration,
        columns["label"].astype(np.int64),
        columns["clean_prediction"].astype(np.int64),
        columns["adversarial_prediction"].astype(np.int64),
        columns["clean_confidence"].astype(np.float64),
        columns["adversarial_confidence"].astype(np.float64),
        attack,
    )


def list_confusions(results: Sequence[ImageResults], classes: Sequence[str]) -> Rows:
    """A row for each true and predicted class that occur together: `model` (place in the results), `when`, `true`,
    `predicted`, `count`, and `share` of the images of the true class.
    """
    rows: Rows = []
    for model, result in enumerate(results):
        for when in WHEN:
            counts = result.count_confusions(when, len(classes))
            for true, predicted in zip(*(axis.tolist() for axis in np.nonzero(counts)), strict=True):
                count, total = int(counts[true, predicted]), int(counts[true].sum())
                rows.append({"model": model, "when": when, "true": classes[true], "predicted": classes[predicted],
                             "count": count, "share": round(count / total, 5)})  # fmt: skip
    return rows


def bin_confidence(results: Sequence[ImageResults]) -> Rows:
    """A row for each bar of the histograms: `model` (place in the results), `when`, `from`, `to`, and the `share` of
    the images.
    """
    rows: Rows = []
    for model, result in enumerate(results):
        for when, values in zip(WHEN, (result.clean_confidence, result.adversarial_confidence), strict=True):
            counts, edges = np.histogram(values, BINS, (0.0, 1.0))
            for start, end, share in zip(edges[:-1], edges[1:], counts / len(values), strict=True):
                if share:
                    rows.append({"model": model, "when": when, "from": round(float(start), 3),
                                 "to": round(float(end), 3), "share": round(float(share), 5)})  # fmt: skip
    return rows


def load_class_names(study: Study, data: Mapping[str, str], data_dir: Path | None) -> list[str]:
    """The names of the classes where the data set that was attacked is here, else their numbers.

    :param data: key of an attack stage -> fingerprint of its data set.
    """
    row = study.rows[0]
    try:
        found = inspect_dataset(read_row(row).dataset, data_dir)
    except UsageError:
        found = None
    if found and found.fingerprint == data[row["attack_key"]]:
        return list(found.classes)
    return [str(number) for number in range(row["classes"] or 10)]
