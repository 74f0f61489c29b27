"""A close look at a few configurations: what the model says before and after, image by image."""

from __future__ import annotations

import functools
import io
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow.parquet as pq
from numpy.typing import NDArray

from orchestrator.compare import split_of
from orchestrator.report.spotlight import spotlight
from orchestrator.report.study import Configuration, Measured, Study
from orchestrator.statistics import Interval, bootstrap_interval
from tasks import paths
from tasks.chain import Stage, chain
from tasks.data.sources import inspect
from tasks.errors import CorruptArtifactError, StageError, UsageError
from tasks.row import Row
from tasks.store import StageStore
from tasks.trial import Trial

if TYPE_CHECKING:
    from tasks.stages.preview import Preview

Columns = Mapping[str, NDArray[Any]]
IMAGES = 6


@dataclass(frozen=True)
class Closeup:
    """One configuration under the headline attack, all seeds together."""

    configuration: Configuration
    label: NDArray[np.int64]
    clean: NDArray[np.int64]
    """Predicted classes, [N]."""
    adversarial: NDArray[np.int64]
    clean_confidence: NDArray[np.float64]
    adversarial_confidence: NDArray[np.float64]

    def confusion(self, classes: int) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Counts [classes, classes] of true class by predicted class, before and after."""
        found = []
        for predicted in (self.clean, self.adversarial):
            counts = np.zeros((classes, classes), np.int64)
            np.add.at(counts, (self.label, predicted), 1)
            found.append(counts)
        return found[0], found[1]

    @property
    def confidence(self) -> tuple[Interval, Interval]:
        """Mean confidence before and after, with bootstrap intervals over images."""
        return bootstrap_interval(self.clean_confidence), bootstrap_interval(self.adversarial_confidence)


class ImageRecords:
    """What the storage keeps of every attacked image, read when it is asked for."""

    def __init__(self, store: StageStore) -> None:
        self.store = store
        self.unread: set[str] = set()
        """Keys of attack stages whose images cannot be read."""
        self.columns = functools.lru_cache(maxsize=256)(self._columns)

    def _columns(self, key: str) -> Columns:
        """`schema.EXAMPLES` of one attack stage, sorted by image; empty where it cannot be read."""
        try:
            content = self.store.read(self.store.record(key), paths.EXAMPLES)
        except (FileNotFoundError, CorruptArtifactError):
            self.unread.add(key)
            return {}
        table = pq.read_table(io.BytesIO(content)).sort_by("index")
        return {name: table[name].to_numpy() for name in table.column_names if name not in ("stage_key", "target")}

    @property
    def notes(self) -> list[str]:
        """What a reader should know of what is missing."""
        count = len(self.unread)
        return [f"The stored images of {count} trials cannot be read, so nothing is said of them"] if count else []

    def robust(self, row: Row) -> dict[tuple[str, int], bool]:
        """Test split and place in it -> whether the image is robust."""
        found, split = self.columns(row["attack_key"]), split_of(row)
        if not found:
            return {}
        return {
            (split, place): held for place, held in zip(found["index"].tolist(), found["robust"].tolist(), strict=True)
        }


def closeups(study: Study, records: ImageRecords) -> list[Closeup]:
    """The configurations of the spotlight, those whose images are stored."""
    found = []
    for configuration in spotlight(study):
        entry = study.measured[configuration.key, study.headline.key]
        parts = [columns for row in entry.rows if (columns := records.columns(row["attack_key"]))]
        if parts:
            whole = {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}
            found.append(_closeup(configuration, whole))
    return found


def _closeup(configuration: Configuration, columns: Columns) -> Closeup:
    return Closeup(
        configuration,
        columns["label"].astype(np.int64),
        columns["clean_prediction"].astype(np.int64),
        columns["adversarial_prediction"].astype(np.int64),
        columns["clean_confidence"].astype(np.float64),
        columns["adversarial_confidence"].astype(np.float64),
    )


def class_names(study: Study, data_dir: Path | None) -> list[str]:
    """The names of the classes where the data set is here, else their numbers."""
    row = study.rows[0]
    try:
        return list(inspect(Trial.model_validate(json.loads(row["config"])).dataset, data_dir).classes)
    except UsageError:
        return [str(number) for number in range(row["classes"] or 10)]


@dataclass(frozen=True)
class Gallery:
    """The same images under attack on several models."""

    index: tuple[int, ...]
    previews: tuple[tuple[Configuration, Preview], ...]
    note: str
    """Why there are none, or which predictions differ from the stored ones; empty where all is well."""


def gallery(
    study: Study, records: ImageRecords, data: Mapping[str, str], data_dir: Path | None, count: int = IMAGES
) -> Gallery:
    """Some images as the headline attack leaves them, of the first seed of each configuration of the spotlight.

    They are made again from the stored models, which needs the data set.
    """
    entries = [study.measured[configuration.key, study.headline.key] for configuration in spotlight(study)]
    entries = [entry for entry in entries if split_of(entry.rows[0]) == split_of(entries[0].rows[0])]
    rows = [_first_seed(entry) for entry in entries]
    known = [records.columns(row["attack_key"]) for row in rows]
    if not all(known):
        return Gallery((), (), "No images: those of these trials cannot be read.")
    index = telling_images(known, count)
    try:
        shown = [_preview(row, records.store, data[row["attack_key"]], data_dir, index) for row in rows]
    except FileNotFoundError:
        return Gallery((), (), "No images: their models are not stored any more.")
    except (UsageError, StageError) as error:
        return Gallery((), (), f"No images: {error}")
    wrong = sum(_disagree(made, columns, index) for made, columns in zip(shown, known, strict=True))
    note = f"{wrong} predictions differ from the stored ones: another device or another version." if wrong else ""
    pairs = tuple((entry.configuration, made) for entry, made in zip(entries, shown, strict=True))
    return Gallery(tuple(index), pairs, note)


def _first_seed(entry: Measured) -> Row:
    return min(entry.rows, key=lambda row: int(row["seed"]))


def telling_images(known: Sequence[Columns], count: int) -> list[int]:
    """Images that all these trials attacked, those first that some models withstand and others do not, each of another
    class while there is one.
    """
    common = sorted(set.intersection(*(set(columns["index"].tolist()) for columns in known)))
    labels = dict(zip(known[0]["index"].tolist(), known[0]["label"].tolist(), strict=True))
    robust = [dict(zip(columns["index"].tolist(), columns["robust"].tolist(), strict=True)) for columns in known]
    votes = {place: len({held[place] for held in robust}) for place in common}
    chosen: list[int] = []
    common.sort(key=lambda place: -votes[place])
    for place in common:
        if len(chosen) < count and labels[place] not in [labels[other] for other in chosen]:
            chosen.append(place)
    rest = [place for place in common if place not in chosen]
    return sorted([*chosen, *rest[: count - len(chosen)]])


def _preview(row: Row, store: StageStore, fingerprint: str, data_dir: Path | None, index: Sequence[int]) -> Preview:
    trial = Trial.model_validate(json.loads(row["config"]))
    if inspect(trial.dataset, data_dir).fingerprint != fingerprint:
        raise UsageError(f"the data set {trial.dataset.name} that is here is not the one that was attacked")
    from tasks.stages.context import Context
    from tasks.stages.preview import preview

    stage: Stage = chain(trial, fingerprint)[-1]
    return preview(stage, Context(store, data_dir), index)


def _disagree(made: Preview, columns: Columns, index: Sequence[int]) -> int:
    stored = dict(zip(columns["index"].tolist(), columns["adversarial_prediction"].tolist(), strict=True))
    return sum(stored[place] != said for place, said in zip(index, made.after.classes.tolist(), strict=True))
