"""What each axis changes on average: differences between trials that are alike in everything else.

The unit is the training run: differences of one seed share its base model and its data order, so that they are one
observation, their mean. What a setting changes is told from chance over seeds alone.
"""

from __future__ import annotations

import itertools
import statistics
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from orchestrator.report.analysis.study import Axis, Study
from orchestrator.results.statistics import Paired, correct_p_values, estimate_paired_difference
from orchestrator.text import make_sort_key
from tasks.trial.row import Row

ALL_PAIRS = 4
"""Levels up to which every pair is compared; of more levels, neighbours."""
NOISE = 0.05
"""Corrected probabilities above this are called noise."""
LEAST_SEEDS = 3
"""With fewer, nobody can tell a setting from the luck of a training run."""
TOO_FEW = "too few seeds"

Values = Mapping[str, Any]


@dataclass(frozen=True)
class Effect:
    """What a change of one axis does to one measure."""

    axis: str
    before: str
    after: str
    measure: str
    """`clean accuracy` or `robust accuracy`."""
    of_attack: bool
    """Whether the axis says how a model is attacked, not how it is made."""
    paired: Paired | None
    """After less before, one difference for each seed; null where no two trials differ in this axis alone."""
    adjusted: float | None = None
    """The p-value corrected for all comparisons of the report."""

    @property
    def verdict_can_be_told(self) -> bool:
        """Whether there are seeds enough for a test over them."""
        return self.paired is not None and self.paired.interval.count >= LEAST_SEEDS

    @property
    def verdict(self) -> str:
        """Whether the difference can be told from chance."""
        if self.paired is None:
            return "never varied alone"
        if self.adjusted is None or self.paired.interval.count < LEAST_SEEDS:
            return TOO_FEW
        return "noise" if self.adjusted > NOISE else "real"


@dataclass(frozen=True)
class Bundle:
    """Axes that always change together, so that nobody can tell which of them does what."""

    axes: tuple[Axis, ...]

    @property
    def label(self) -> str:
        return " with ".join(axis.label for axis in self.axes)

    def level(self, values: Values) -> tuple[Any, ...]:
        """The values along these axes."""
        return tuple(values[axis.name] for axis in self.axes)

    def format_level(self, level: tuple[Any, ...]) -> str:
        """A level for people."""
        return ", ".join(axis.format_value(value) for axis, value in zip(self.axes, level, strict=True))


@dataclass(frozen=True)
class _Unit:
    """One model, or one model under one attack: what a difference is taken of."""

    seed: int
    values: Values
    row: Row


def estimate_effects(study: Study) -> list[Effect]:
    """Every axis of the study, one difference for each seed, with Holm's correction over all that can be told.

    Axes of the training are judged under the headline attack, axes of the attack by robust accuracy.
    """
    models = [_Unit(row["seed"], study.values[row["trial_id"]], row) for entry in study.under(study.headline)
              for row in entry.rows]  # fmt: skip
    everything = [
        _Unit(row["seed"], study.values[row["trial_id"]], row) for row in study.rows if row["attack_eps"] != 0
    ]
    found: list[Effect] = []
    for measure in ("clean accuracy", "robust accuracy"):
        found += _compare_along(_bundle_axes(study.training_axes, models), models, measure, ())
    attacks = [axis for axis in study.axes if axis.of_attack]
    made = [axis.name for axis in study.training_axes]
    found += _compare_along(_bundle_axes(attacks, everything), everything, "robust accuracy", made)
    told = [effect.paired if effect.verdict_can_be_told else None for effect in found]
    adjusted = correct_p_values([paired.p if paired else None for paired in told])
    return [replace(effect, adjusted=p) for effect, p in zip(found, adjusted, strict=True)]


def _bundle_axes(axes: Sequence[Axis], units: Sequence[_Unit]) -> list[Bundle]:
    """The axes, those together of which each value of one goes with one value of the other."""
    by_partition: dict[tuple[int, ...], list[Axis]] = defaultdict(list)
    for axis in axes:
        numbers: dict[Any, int] = {}
        partition = tuple(numbers.setdefault(str(unit.values[axis.name]), len(numbers)) for unit in units)
        if len(numbers) > 1:
            by_partition[partition].append(axis)
    return [Bundle(tuple(together)) for together in by_partition.values()]


def _compare_along(
    bundles: Sequence[Bundle],
    units: Sequence[_Unit],
    measure: str,
    alike: Sequence[str],
) -> Iterator[Effect]:
    """:param alike: axes beside those of the bundles in which both sides of a difference are alike."""
    for bundle in bundles:
        others = [other for other in bundles if other is not bundle]
        by_level: dict[tuple[Any, ...], list[_Unit]] = defaultdict(list)
        for unit in units:
            by_level[bundle.level(unit.values)].append(unit)
        ordered = sorted(by_level, key=lambda level: [make_sort_key(value) for value in level])
        pairs = itertools.combinations(ordered, 2) if len(ordered) <= ALL_PAIRS else itertools.pairwise(ordered)
        for before, after in pairs:
            differences = _pair_differences(by_level[before], by_level[after], others, measure, alike)
            paired = estimate_paired_difference(differences) if differences else None
            of_attack = bundle.axes[0].of_attack
            yield Effect(
                bundle.label, bundle.format_level(before), bundle.format_level(after), measure, of_attack, paired
            )


def _pair_differences(
    before: Sequence[_Unit],
    after: Sequence[_Unit],
    others: Sequence[Bundle],
    measure: str,
    alike: Sequence[str],
) -> list[float]:
    """After less before for each seed: the mean over all pairs of trials that are alike in all other axes.

    An axis that one side lacks altogether, as trials without adversarial fine-tuning lack eps_train, cannot be alike:
    the other side is averaged over it.
    """
    shared = [bundle for bundle in others if all(_is_present(bundle, side) for side in (before, after))]
    sides = [_average_by_key(side, shared, measure, alike) for side in (before, after)]
    by_seed: dict[int, list[float]] = defaultdict(list)
    for key in sorted(sides[0].keys() & sides[1].keys(), key=str):
        by_seed[key[0]].append(sides[1][key] - sides[0][key])
    return [statistics.fmean(values) for values in by_seed.values()]


def _is_present(bundle: Bundle, side: Sequence[_Unit]) -> bool:
    return any(value is not None for unit in side for value in bundle.level(unit.values))


def _average_by_key(
    side: Sequence[_Unit],
    shared: Sequence[Bundle],
    measure: str,
    alike: Sequence[str],
) -> dict[tuple[Any, ...], float]:
    """Seed, values in which both sides are alike -> the mean of the measure."""
    found: dict[tuple[Any, ...], list[float]] = defaultdict(list)
    for unit in side:
        values = (str(unit.values[name]) for name in alike)
        key = (unit.seed, *values, *(bundle.level(unit.values) for bundle in shared))
        found[key].append(unit.row[measure.replace(" ", "_")])
    return {key: statistics.fmean(values) for key, values in found.items()}
