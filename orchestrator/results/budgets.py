"""The attacks of one norm and budget on one model, held against each other image by image."""

from __future__ import annotations

import functools
import json
from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray
from pydantic import ValidationError

from orchestrator.results.bounds import select_attacks
from orchestrator.results.stage_tables import load_stage_table
from tasks import paths
from tasks.attacks.registry import find_attack
from tasks.evaluation.settings import AttackSettings
from tasks.keys import format_canonical_json
from tasks.schema import EXAMPLES
from tasks.storage.stage_store import StageStore
from tasks.trial.row import Row

Robust = dict[int, bool]
"""Place of an image in its split -> whether it withstands an attack."""
ReadRobust = Callable[[Row], "Robust | None"]
"""What is stored of the images of a trial; null where it is not known."""


def read_nothing(row: Row) -> Robust | None:  # noqa: ARG001
    """Where nobody may be asked about images."""
    return None


class ImageReader:
    """Reads the images of a trial where they are asked for; what was read is kept."""

    def __init__(self, store: StageStore) -> None:
        self._store = store
        self._read_robust = functools.lru_cache(maxsize=4096)(self._load_robust)

    def __call__(self, row: Row) -> Robust | None:
        return self._read_robust(row["attack_key"])

    def load_table(self, row: Row) -> pa.Table | None:
        """`schema.EXAMPLES` of a trial; null where it is not known."""
        return load_stage_table(self._store, row["attack_key"], paths.EXAMPLES, EXAMPLES)

    def _load_robust(self, key: str) -> Robust | None:
        table = load_stage_table(self._store, key, paths.EXAMPLES, EXAMPLES)
        if table is None:
            return None
        return dict(zip(table["index"].to_pylist(), table["robust"].to_pylist(), strict=True))


def make_reader(store: StageStore) -> ImageReader:
    """Reads what a store keeps of the images of its trials."""
    return ImageReader(store)


class Discordance(NamedTuple):
    """How two attacks on the same images disagree."""

    only_first: int
    """Images that withstand the first attack alone."""
    only_second: int


@dataclass(frozen=True)
class Budget:
    """Finished rows of one model, one norm and one budget, on the same images."""

    rows: Sequence[Row]
    read: ReadRobust

    def compare(self, first: Row, second: Row) -> Discordance | None:
        """Null where the images of one of them are not known and their counts do not tell.

        Of two attacks that walk one trajectory, the longer fools every image that the shorter fools.
        """
        if identify_run(first) is not None and identify_run(first) == identify_run(second):
            ahead = first["robust_correct"] - second["robust_correct"]
            return Discordance(max(ahead, 0), max(-ahead, 0))
        one, other = self.read(first), self.read(second)
        if one is None or other is None:
            return None
        shared = one.keys() & other.keys()
        only = sum(one[place] and not other[place] for place in shared)
        return Discordance(only, sum(other[place] and not one[place] for place in shared))

    @functools.cached_property
    def worst_case(self) -> int | None:
        """Images that withstand every attack; null where the images of one are not known."""
        strongest: dict[object, Row] = {}
        for row in self.rows:
            run = identify_run(row) or row["trial_id"]
            kept = strongest.get(run)
            if kept is None or row["robust_correct"] < kept["robust_correct"]:
                strongest[run] = row
        if len(strongest) == 1:
            return int(next(iter(strongest.values()))["robust_correct"])
        found = [self.read(row) for row in strongest.values()]
        known = [robust for robust in found if robust is not None]
        if len(known) < len(found):
            return None
        return int(np.all([_line_up(robust, known[0]) for robust in known], axis=0).sum())


def _line_up(robust: Robust, like: Robust) -> NDArray[np.bool_]:
    return np.array([robust.get(place, False) for place in like], np.bool_)


def group_budgets(group: Sequence[Row], read: ReadRobust) -> list[Budget]:
    """The budgets above zero of one model; attacks without a budget have none, and certificates are no attacks."""
    found: dict[tuple[str, float], list[Row]] = defaultdict(list)
    for row in select_attacks(group):
        if row["attack_eps"]:
            found[row["attack_norm"], row["attack_eps"]].append(row)
    return [Budget(rows, read) for rows in found.values()]


def identify_run(row: Row) -> str | None:
    """Names the trajectory that an attack is read off, if a longer run of it fools whatever a shorter one fools."""
    return _identify_run(format_canonical_json(json.loads(row["config"])["attack"]))


@functools.lru_cache(maxsize=65536)
def _identify_run(section: str) -> str | None:
    content = json.loads(section)
    attack = find_attack(content.get("name"))
    if attack is None or not attack.shares_steps:
        return None
    try:
        settings = AttackSettings.model_validate(content)
    except ValidationError:
        return None
    return settings.shared_text if settings.stop_when_fooled and settings.surrogate is None else None
