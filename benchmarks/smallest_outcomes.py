"""What each attack found of each image, kept in a file line by line: a measurement that is cut goes on where it was."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterable
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from orchestrator.results.optimality import compute_optimality

OURS = "ours"
NORMS = ("linf", "l2", "l1", "l0")
"""In this order."""
DIGITS = 7
"""Of a size that are kept: as many as it has in single precision."""
Sizes = NDArray[np.float64]
"""Size of the smallest perturbation of each image: 0 where it is misclassified, infinite where none was found."""


class Asked(NamedTuple):
    """One attack on one subject, and how much it may ask."""

    subject: str
    norm: str
    attack: str
    by: str
    """`OURS`, or the library."""
    passes: int
    """Forward and backward passes of an image that it may take."""
    images: int
    first: int = 0
    """Place of the first image in the test set."""


class Outcome(NamedTuple):
    """What one attack found."""

    asked: Asked
    sizes: Sizes
    passes: float
    """Taken of an image in the mean."""
    seconds: float
    """Of process CPU time, for all images together; the median of the repeats."""


def read_outcomes(file: Path | None) -> dict[Asked, Outcome]:
    """The outcomes that stand in a file of JSON lines, the last of each attack; none without a file."""
    if file is None or not file.exists():
        return {}
    lines: list[dict[str, Any]] = [json.loads(line) for line in file.read_text("utf-8").splitlines()]
    outcomes = (
        Outcome(
            Asked(**line["asked"]),
            np.array([np.inf if size is None else size for size in line["sizes"]], dtype=np.float64),
            line["passes"],
            line["seconds"],
        )
        for line in lines
    )
    return {outcome.asked: outcome for outcome in outcomes}


def append_outcome(file: Path | None, outcome: Outcome) -> None:
    """Add a line to the file, if there is one to be kept."""
    if file is None:
        return
    sizes = [float(f"{size:.{DIGITS}g}") if np.isfinite(size) else None for size in outcome.sizes]
    line = {"asked": outcome.asked._asdict(), "sizes": sizes, "passes": outcome.passes, "seconds": outcome.seconds}
    file.parent.mkdir(parents=True, exist_ok=True)
    with file.open("a", encoding="utf-8") as lines:
        lines.write(json.dumps(line) + "\n")


def group_outcomes(outcomes: Iterable[Outcome]) -> list[list[Outcome]]:
    """Those on the same images of one subject, in one norm and at one number of passes, in the order of the first."""
    groups: dict[tuple[object, ...], list[Outcome]] = defaultdict(list)
    for outcome in outcomes:
        asked = outcome.asked
        groups[asked.subject, asked.norm, asked.passes, asked.images, asked.first].append(outcome)
    return list(groups.values())


def find_best(group: Iterable[Outcome]) -> Sizes:
    """The smallest size of each image that any of these attacks found."""
    best: Sizes = np.stack([outcome.sizes for outcome in group]).min(axis=0)
    return best


def score_sizes(sizes: Sizes, best: Sizes) -> float:
    """Optimality as AttackBench has it; 0 where nothing can be said.

    :param best: the smallest size of each image that any attack found.
    """
    known = {number: float(size) for number, size in enumerate(best)}
    return compute_optimality({number: float(size) for number, size in enumerate(sizes)}, known) or 0.0
