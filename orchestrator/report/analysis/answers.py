"""The answers in words, each computed from the data."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from orchestrator.report.analysis.effects import NOISE, Effect, estimate_effects
from orchestrator.report.analysis.selected_configurations import (
    Choice,
    choose_by_minimum,
    find_baseline,
    find_compromise,
    has_clean_accuracy,
)
from orchestrator.report.analysis.study import Measured, Study
from orchestrator.results.statistics import McNemar, compute_mcnemar, correct_p_values
from tasks.trial.row import Row

MOST_SENTENCES = 10
"""Sentences of a kind; the tables have all."""

Robust = Callable[[Row], dict[tuple[str, int], bool]]
"""A trial -> test split and place of each attacked image -> whether it is robust; empty where that is not known."""


@dataclass(frozen=True)
class Answer:
    """What to take for a minimum of clean accuracy, and whether the next best is any worse."""

    choice: Choice
    runner_up: Measured | None
    test: McNemar | None
    """The winner against the runner-up over all images of all seeds; null where they cannot be paired."""
    adjusted: float | None

    @property
    def tie(self) -> bool:
        """Whether the lead is noise."""
        return self.adjusted is not None and self.adjusted > NOISE


@dataclass(frozen=True)
class Answers:
    """Everything that a report says in words about one study."""

    recommendation: list[str]
    answers: list[Answer]
    effects: list[Effect]

    def describe_effects(self, verdict: str) -> list[str]:
        """A sentence for each setting of the training whose effect is `real` or `noise`, large effects first."""
        found = [effect for effect in self.effects if effect.verdict == verdict and not effect.of_attack]
        return [
            _describe_effect(effect) for effect in sorted(found, key=_measure_effect, reverse=True)[:MOST_SENTENCES]
        ]


def answer_questions(study: Study, robust: Robust) -> Answers:
    """Answer the three questions of a reader.

    :param robust: reads what was stored of each image of a trial.
    """
    found = estimate_effects(study)
    chosen = _describe_choices(study, robust)
    return Answers(_recommend(study, chosen), chosen, found)


def _describe_choices(study: Study, robust: Robust) -> list[Answer]:
    """The winners with their runners-up, tested per image and corrected together."""
    compared: list[tuple[Choice, Measured | None, McNemar | None]] = []
    for choice in choose_by_minimum(study):
        others = [entry for entry in study.under(study.headline) if entry is not choice.best]
        good = [entry for entry in others if has_clean_accuracy(entry, choice.least)]
        second = max(good, key=lambda entry: entry.mean[1]) if good else None
        compared.append((choice, second, compare_images(choice.best, second, robust) if second else None))
    adjusted = correct_p_values([test.p if test else None for _, _, test in compared])
    return [Answer(*entry, p) for entry, p in zip(compared, adjusted, strict=True)]


def compare_images(first: Measured, second: Measured, robust: Robust) -> McNemar | None:
    """McNemar's test over the images of the seeds that both have; null where no image can be paired."""
    sides: tuple[list[bool], list[bool]] = ([], [])
    by_seed = {row["seed"]: row for row in second.rows}
    for row in first.rows:
        if row["seed"] in by_seed:
            one, other = robust(row), robust(by_seed[row["seed"]])
            for index in sorted(one.keys() & other.keys()):
                sides[0].append(one[index])
                sides[1].append(other[index])
    if not sides[0]:
        return None
    return compute_mcnemar(_read_bools(sides[0]), _read_bools(sides[1]))


def _read_bools(values: Sequence[bool]) -> NDArray[np.bool_]:
    return np.array(values, np.bool_)


def _recommend(study: Study, chosen: Sequence[Answer]) -> list[str]:
    """What to take where nobody names a minimum: the compromise, and what it costs."""
    best, plain = find_compromise(study), find_baseline(study)
    threat = study.headline.label
    clean, robust = best.mean
    lines = [
        f"{format_rate(clean)} clean and {format_rate(robust)} robust accuracy under {threat} ({describe_seeds(best)})."
    ]
    if plain is not best:
        cost, gain = plain.mean[0] - clean, robust - plain.mean[1]
        costs = f"{'costs' if cost >= 0 else 'gains'} {format_points(abs(cost))} of clean accuracy"
        gains = f"{'gains' if gain >= 0 else 'loses'} {format_points(abs(gain))} of robust accuracy"
        before = f"{format_rate(plain.mean[0])} clean, {format_rate(plain.mean[1])} robust"
        lines.append(f"Against {plain.configuration.label} ({before}) it {costs} and {gains}.")
    doubted = sum(row["verdict"] == "suspicious" for row in best.rows)
    if doubted:
        lines.append(
            f"{doubted} of its {len(best.rows)} trials failed a check of the numbers (below): take its robust accuracy "
            "as an upper bound."
        )
    tied = next((answer for answer in chosen if answer.choice.best is best and answer.tie), None)
    if tied and tied.runner_up:
        lines.append(f"Its lead over {tied.runner_up.configuration.label} is within noise.")
    return lines


def _measure_effect(effect: Effect) -> float:
    return abs(effect.paired.interval.mean) if effect.paired else 0.0


def _describe_effect(effect: Effect) -> str:
    assert effect.paired is not None, "only measured effects are described"
    interval = effect.paired.interval
    return (
        f"{effect.axis} {effect.before} → {effect.after}: {format_signed(interval.mean)} {effect.measure} "
        f"({_format_range(interval.low, interval.high)}, {interval.count} pairs, p {format_p_value(effect.adjusted)})"
    )


def _format_range(low: float | None, high: float | None) -> str:
    return (
        "no interval"
        if low is None or high is None
        else f"95 % interval {format_signed(low, '')} to {format_signed(high)}"
    )


def format_rate(value: float) -> str:
    """A rate in per cent."""
    return f"{100 * value:.1f} %"


def format_points(value: float) -> str:
    """A difference of rates."""
    return f"{100 * value:.1f} points"


def format_signed(value: float, unit: str = " points") -> str:
    """A difference of rates with its sign."""
    return f"{100 * value:+.1f}{unit}".replace("-", "\N{MINUS SIGN}")


def format_p_value(value: float | None) -> str:
    """A probability for people."""
    if value is None:
        return "-"
    return "< 0.001" if value < 0.001 else f"= {value:.3f}" if value < 0.1 else f"= {value:.2f}"


def describe_seeds(entry: Measured) -> str:
    """How many replicates stand behind a number."""
    count = len(entry.rows)
    return f"mean of {count} seeds" if count > 1 else "one seed"
