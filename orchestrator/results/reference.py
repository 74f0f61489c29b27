"""What a paper reports beside what was measured: its numbers, and the order that it found."""

from __future__ import annotations

import statistics
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from math import sqrt
from typing import cast, get_args

import numpy as np
from numpy.typing import NDArray

from orchestrator.results.stage_numbers import StageNumbers
from orchestrator.results.statistics import compute_student_quantile
from orchestrator.space.matching import Matcher
from orchestrator.space.paper import EPOCH_MEASURES, IMAGE_MEASURES, Claim, Measure, Paper, ReportedNumber
from orchestrator.text import format_percent
from tasks.metrics import Z, compute_difference_interval, compute_wilson
from tasks.trial.row import Row

COLUMNS = ("what", "of", "paper", "measured", "95 % interval", "seeds", "images", "agree")
CORRECT = {"clean_accuracy": "clean_correct", "robust_accuracy": "robust_correct"}


@dataclass(frozen=True)
class Comparison:
    """One line: what a paper says, what came out, and whether they agree."""

    what: str
    measure: str
    """A rate of the trials, a mean over images, or a column of the history with its stage and epoch."""
    paper: str
    measured: float | None
    """Over all images of all seeds, of an epoch the mean over stages, for a claim the difference of two rates; null
    where no trial matches.
    """
    interval: tuple[float | None, float | None]
    """95 % interval from the number of images (Wilson; Newcombe for a difference; normal for a mean)."""
    seeds: str
    images: int
    agreement: str

    def cells(self) -> list[str]:
        """A line of the table."""
        low, high = self.interval
        shown = "-" if low is None or high is None else f"{format_percent(low)} .. {format_percent(high)}"
        return [
            self.what,
            self.measure.replace("_", " "),
            self.paper,
            _format_number(self.measure, self.measured),
            shown,
            self.seeds,
            str(self.images) if self.images else "-",
            self.agreement,
        ]


def _format_number(measure: str, value: float | None) -> str:
    return f"{value:.3f}" if "loss" in measure and value is not None else format_percent(value)


def compare(paper: Paper, rows: Sequence[Row], stages: StageNumbers) -> list[Comparison]:
    """Every number, then every claim of a paper, against the finished rows, pooled over seeds.

    :param stages: what the stages of these rows keep; read only for numbers that no row has.
    """
    matcher = Matcher(rows)
    numbers = (
        entry for number in paper.numbers for entry in _compare_entry(number, matcher.matching(number.match), stages)
    )
    return [*numbers, *(_judge_claim(claim, matcher) for claim in paper.claims)]


def _compare_entry(number: ReportedNumber, rows: Sequence[Row], stages: StageNumbers) -> Iterator[Comparison]:
    for measure, value in number.list_numbers(get_args(Measure)):
        yield _compare_number(number.source, cast("Measure", measure), value, rows)
    for measure, value in number.list_numbers(IMAGE_MEASURES):
        yield _compare_images(number.source, measure, value, stages.read_images(rows, measure))
    for measure, value in number.list_numbers(EPOCH_MEASURES):
        assert number.stage, "the settings say so"
        assert number.epoch, "the settings say so"
        found = stages.read_epoch(rows, number.stage, number.epoch, measure)
        name = f"{number.stage} epoch {number.epoch}: {measure}"
        yield _compare_epochs(number.source, name, value, found)


def _compare_images(source: str, measure: str, paper: float, values: Sequence[NDArray[np.float64]]) -> Comparison:
    """A mean over the images of all seeds."""
    images = np.concatenate([*values, np.zeros(0)])
    mean: float | None = None
    interval: tuple[float | None, float | None] = (None, None)
    if len(images) > 1:
        mean = float(images.mean())
        half = Z * float(images.std(ddof=1)) / sqrt(len(images))
        interval = (mean - half, mean + half)
    spread = compute_prediction_interval([float(seed.mean()) for seed in values])
    agreement = _describe_agreement(paper, interval, spread)
    return Comparison(source, measure, format_percent(paper), mean, interval, str(len(values)), len(images), agreement)


def _compare_epochs(source: str, measure: str, paper: float, values: Sequence[float]) -> Comparison:
    """A number of one epoch, which has no interval from images: what seeds change decides."""
    mean = statistics.fmean(values) if values else None
    spread = compute_prediction_interval(values)
    agreement = "not measured" if mean is None else "cannot tell" if spread is None else "no"
    if spread and spread[0] <= paper <= spread[1]:
        agreement = "within seeds"
    shown = _format_number(measure, paper)
    return Comparison(source, measure, shown, mean, (None, None), str(len(values)), 0, agreement)


def _compare_number(source: str, measure: Measure, paper: float, rows: Sequence[Row]) -> Comparison:
    correct, images = _sum_counts(rows, measure)
    interval = compute_wilson(correct, images)
    spread = compute_prediction_interval([row[measure] for row in rows])
    measured = correct / images if images else None
    agreement = _describe_agreement(paper, interval, spread)
    return Comparison(source, measure, format_percent(paper), measured, interval, str(len(rows)), images, agreement)


def _describe_agreement(
    paper: float, interval: tuple[float | None, float | None], spread: tuple[float, float] | None
) -> str:
    """Whether the paper's number lies in the interval, or at least within what seeds alone change."""
    low, high = interval
    if low is None or high is None:
        return "not measured"
    if low <= paper <= high:
        return "yes"
    return "within seeds" if spread and spread[0] <= paper <= spread[1] else "no"


def compute_prediction_interval(rates: Sequence[float]) -> tuple[float, float] | None:
    """Where a further run lies with 95 % probability if runs vary normally (Student's t); null below two runs."""
    if len(rates) < 2:
        return None
    count = len(rates)
    half = compute_student_quantile(count - 1) * statistics.stdev(rates) * sqrt(1 + 1 / count)
    middle = statistics.fmean(rates)
    return middle - half, middle + half


def _judge_claim(claim: Claim, matcher: Matcher) -> Comparison:
    higher, lower = matcher.matching(claim.higher), matcher.matching(claim.lower)
    above, below = _sum_counts(higher, claim.of), _sum_counts(lower, claim.of)
    if not above[1] or not below[1]:
        return Comparison(claim.says, claim.of, "above", None, (None, None), "0", 0, "not measured")
    interval = compute_difference_interval(*above, *below)
    signs = _find_seeds_above(claim.of, higher, lower)
    measured = above[0] / above[1] - below[0] / below[1]
    seeds, images = f"{signs.count(True)} of {len(signs)}", min(above[1], below[1])
    return Comparison(claim.says, claim.of, "above", measured, interval, seeds, images, _judge_order(interval, signs))


def _judge_order(interval: tuple[float, float], signs: Sequence[bool]) -> str:
    """Whether an order holds: beyond what the number of images leaves open, and in every seed that has both sides."""
    if interval[1] < 0:
        return "no"
    if interval[0] <= 0:
        return "cannot tell"
    return "yes" if all(signs) else "not in every seed"


def _find_seeds_above(measure: Measure, higher: Sequence[Row], lower: Sequence[Row]) -> list[bool]:
    """For each seed of both groups, whether the first is above the second."""
    first, second = _group_by_seed(measure, higher), _group_by_seed(measure, lower)
    return [first[seed] > second[seed] for seed in sorted(first.keys() & second.keys())]


def _group_by_seed(measure: Measure, rows: Sequence[Row]) -> dict[int, float]:
    groups: dict[int, list[Row]] = defaultdict(list)
    for row in rows:
        groups[row["seed"]].append(row)
    counts = {seed: _sum_counts(group, measure) for seed, group in groups.items()}
    return {seed: correct / images for seed, (correct, images) in counts.items() if images}


def _sum_counts(rows: Sequence[Row], measure: Measure) -> tuple[int, int]:
    return sum(row[CORRECT[measure]] for row in rows), sum(row["examples"] for row in rows)
