"""The answers in words, each computed from the data."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from orchestrator.report.effects import NOISE, Effect, effects
from orchestrator.report.spotlight import Choice, baseline, choices, compromise, reaches
from orchestrator.report.study import Measured, Study
from orchestrator.results.statistics import McNemar, corrected, mcnemar
from tasks.trial.row import Row

MOST_TOLD = 10
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

    def told(self, verdict: str) -> list[str]:
        """A sentence for each setting of the training whose effect is `real` or `noise`, large effects first."""
        found = [effect for effect in self.effects if effect.verdict == verdict and not effect.of_attack]
        return [_sentence(effect) for effect in sorted(found, key=_size, reverse=True)[:MOST_TOLD]]


def answers(study: Study, robust: Robust) -> Answers:
    """Answer the three questions of a reader.

    :param robust: reads what was stored of each image of a trial.
    """
    found = effects(study)
    chosen = _choices(study, robust)
    return Answers(_recommendation(study, chosen), chosen, found)


def _choices(study: Study, robust: Robust) -> list[Answer]:
    """The winners with their runners-up, tested per image and corrected together."""
    compared: list[tuple[Choice, Measured | None, McNemar | None]] = []
    for choice in choices(study):
        others = [entry for entry in study.under(study.headline) if entry is not choice.best]
        good = [entry for entry in others if reaches(entry, choice.least)]
        second = max(good, key=lambda entry: entry.mean[1]) if good else None
        compared.append((choice, second, image_test(choice.best, second, robust) if second else None))
    adjusted = corrected([test.p if test else None for _, _, test in compared])
    return [Answer(*entry, p) for entry, p in zip(compared, adjusted, strict=True)]


def image_test(first: Measured, second: Measured, robust: Robust) -> McNemar | None:
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
    return mcnemar(_bools(sides[0]), _bools(sides[1]))


def _bools(values: Sequence[bool]) -> NDArray[np.bool_]:
    return np.array(values, np.bool_)


def _recommendation(study: Study, chosen: Sequence[Answer]) -> list[str]:
    """What to take where nobody names a minimum: the compromise, and what it costs."""
    best, plain = compromise(study), baseline(study)
    threat = study.headline.label
    clean, robust = best.mean
    lines = [f"{rate(clean)} clean and {rate(robust)} robust accuracy under {threat} ({seeds(best)})."]
    if plain is not best:
        cost, gain = plain.mean[0] - clean, robust - plain.mean[1]
        costs = f"{'costs' if cost >= 0 else 'gains'} {points(abs(cost))} of clean accuracy"
        gains = f"{'gains' if gain >= 0 else 'loses'} {points(abs(gain))} of robust accuracy"
        before = f"{rate(plain.mean[0])} clean, {rate(plain.mean[1])} robust"
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


def _size(effect: Effect) -> float:
    return abs(effect.paired.interval.mean) if effect.paired else 0.0


def _sentence(effect: Effect) -> str:
    assert effect.paired is not None, "only effects that were measured are told"
    interval = effect.paired.interval
    return (
        f"{effect.axis} {effect.before} → {effect.after}: {signed(interval.mean)} {effect.measure} "
        f"({_range(interval.low, interval.high)}, {interval.count} pairs, p {p_value(effect.adjusted)})"
    )


def _range(low: float | None, high: float | None) -> str:
    return "no interval" if low is None or high is None else f"95 % interval {signed(low, '')} to {signed(high)}"


def rate(value: float) -> str:
    """A rate in per cent."""
    return f"{100 * value:.1f} %"


def points(value: float) -> str:
    """A difference of rates."""
    return f"{100 * value:.1f} points"


def signed(value: float, unit: str = " points") -> str:
    """A difference of rates with its sign."""
    return f"{100 * value:+.1f}{unit}".replace("-", "\N{MINUS SIGN}")


def p_value(value: float | None) -> str:
    """A probability for people."""
    if value is None:
        return "-"
    return "< 0.001" if value < 0.001 else f"= {value:.3f}" if value < 0.1 else f"= {value:.2f}"


def seeds(entry: Measured) -> str:
    """How many replicates stand behind a number."""
    count = len(entry.rows)
    return f"mean of {count} seeds" if count > 1 else "one seed"
