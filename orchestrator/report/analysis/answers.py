"""The answers in words, each computed from the data."""

from __future__ import annotations

import statistics
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from orchestrator.report.analysis.effects import LEAST_SEEDS, NOISE, Effect, estimate_effects
from orchestrator.report.analysis.selected_configurations import (
    Choice,
    choose_by_minimum,
    find_baseline,
    find_compromise,
    find_next_compromise,
    has_clean_accuracy,
)
from orchestrator.report.analysis.study import Measured, Study
from orchestrator.report.analysis.tables import find_worst_verdict
from orchestrator.results.checks.verdict import SUSPICIOUS, UPPER_BOUND
from orchestrator.results.headline import RULE
from orchestrator.results.statistics import (
    McNemar,
    Paired,
    compute_mcnemar,
    correct_p_values,
    estimate_paired_difference,
)
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
    """The winner against the runner-up over all images of all seeds: it speaks of the models that were trained, not of
    their settings; null where they cannot be paired."""
    adjusted: float | None
    """Its p-value, corrected for all answers."""
    over_seeds: Paired | None
    """The same over seeds: what it says of the settings; null where no seed has both."""

    @property
    def tie(self) -> bool:
        """Whether the lead is noise: on the images, or over the seeds where there are enough."""
        if self.over_seeds is not None and self.over_seeds.interval.count >= LEAST_SEEDS:
            return self.over_seeds.p is None or self.over_seeds.p > NOISE
        return self.adjusted is not None and self.adjusted > NOISE

    @property
    def verdict(self) -> str:
        """What the lead is worth, in words; empty where nothing was compared."""
        if self.test is None and self.over_seeds is None:
            return ""
        if self.over_seeds is None or self.over_seeds.interval.count < LEAST_SEEDS:
            if self.adjusted is None:
                return ""
            return "a tie on these images" if self.tie else "ahead on these images; too few seeds to speak of settings"
        return "a tie: the lead is noise" if self.tie else "a real lead"


@dataclass(frozen=True)
class Answers:
    """Everything that a report says in words about one study."""

    recommendation: list[str]
    answers: list[Answer]
    effects: list[Effect]

    def describe_effects(self, verdict: str) -> list[str]:
        """A sentence for each setting of the training whose effect has this verdict, large effects first."""
        found = [effect for effect in self.effects if effect.verdict == verdict and not effect.of_attack]
        return [
            _describe_effect(effect) for effect in sorted(found, key=_measure_effect, reverse=True)[:MOST_SENTENCES]
        ]


def answer_questions(study: Study, robust: Robust) -> Answers:
    """Answer the three questions of a reader.

    :param robust: reads what was stored of each image of a trial.
    """
    chosen = [(choice, _find_runner_up(study, choice)) for choice in choose_by_minimum(study)]
    best, second = find_compromise(study), find_next_compromise(study)
    known = any(choice.best is best and other is second for choice, other in chosen)
    compared = _compare_pairs(chosen if known else [*chosen, (Choice(0.0, best), second)], robust)
    lead = next(answer for answer in compared if answer.choice.best is best and answer.runner_up is second)
    return Answers(_recommend(study, lead), compared[: len(chosen)], estimate_effects(study))


def _find_runner_up(study: Study, choice: Choice) -> Measured | None:
    """The most robust of the others that reach the same minimum of clean accuracy."""
    others = [entry for entry in study.under(study.headline) if entry is not choice.best]
    good = [entry for entry in others if has_clean_accuracy(entry, choice.least)]
    return max(good, key=lambda entry: entry.mean[1], default=None)


def _compare_pairs(pairs: Sequence[tuple[Choice, Measured | None]], robust: Robust) -> list[Answer]:
    """Winners beside their runners-up, tested per image and corrected together."""
    tests = [compare_images(choice.best, second, robust) if second else None for choice, second in pairs]
    over_seeds = _correct_over_seeds(
        [compare_seeds(choice.best, second) if second else None for choice, second in pairs]
    )
    adjusted = correct_p_values([test.p if test else None for test in tests])
    return [
        Answer(choice, second, test, p, pair)
        for (choice, second), test, p, pair in zip(pairs, tests, adjusted, over_seeds, strict=True)
    ]


def compare_seeds(first: Measured, second: Measured) -> Paired | None:
    """Robust accuracy of the first less that of the second, seed by seed; null where no seed has both."""
    by_seed = {row["seed"]: row["robust_accuracy"] for row in second.rows}
    found = [row["robust_accuracy"] - by_seed[row["seed"]] for row in first.rows if row["seed"] in by_seed]
    return estimate_paired_difference(found) if found else None


def _correct_over_seeds(found: Sequence[Paired | None]) -> list[Paired | None]:
    adjusted = correct_p_values([pair.p if pair and pair.interval.count >= LEAST_SEEDS else None for pair in found])
    return [pair and Paired(pair.interval, p) for pair, p in zip(found, adjusted, strict=True)]


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


def _recommend(study: Study, lead: Answer) -> list[str]:
    """What to take where nobody names a minimum: the compromise, what it costs, and how sure its lead is.

    :param lead: the compromise beside the next one by the same rule.
    """
    best, plain = lead.choice.best, find_baseline(study)
    threat = study.headline.label
    clean, robust = best.mean
    lines = [
        f"{format_rate(clean)} clean and {format_rate(robust)} robust accuracy under {threat} "
        f"({_describe_spread(best)})."
    ]
    if plain is not best:
        cost, gain = plain.mean[0] - clean, robust - plain.mean[1]
        costs = f"{'costs' if cost >= 0 else 'gains'} {format_points(abs(cost))} of clean accuracy"
        gains = f"{'gains' if gain >= 0 else 'loses'} {format_points(abs(gain))} of robust accuracy"
        lines.append(f"Against {_describe_rates(plain)} it {costs} and {gains}.")
    lines += describe_doubts(best)
    if lead.runner_up:
        lines.append(f"Next by the same rule: {_describe_rates(lead.runner_up)}{_describe_lead(lead)}.")
    lines.append(describe_choice(study))
    return lines


def _describe_rates(entry: Measured) -> str:
    """A configuration with both its numbers, and what speaks against the robust one."""
    clean, robust = entry.mean
    worst = find_worst_verdict(entry)
    doubt = f", {worst}" if worst in (UPPER_BOUND, SUSPICIOUS) else ""
    return f"{entry.configuration.label} ({format_rate(clean)} clean, {format_rate(robust)} robust{doubt})"


def _describe_lead(lead: Answer) -> str:
    """Whether the robust accuracies differ: the compromise may have less; empty where nothing was compared."""
    if not lead.verdict:
        return ""
    assert lead.runner_up is not None, "something was compared"
    behind = not lead.tie and lead.choice.best.mean[1] < lead.runner_up.mean[1]
    return f"; in robust accuracy{' the next one leads' if behind else ''}: {lead.verdict}"


def describe_doubts(entry: Measured) -> list[str]:
    """A sentence for each kind of verdict that speaks against the numbers, with its reason."""
    lines = []
    for kind, words in (
        (SUSPICIOUS, "failed a check of the numbers, so do not rely on its robust accuracy"),
        (UPPER_BOUND, "state an upper bound of robust accuracy"),
    ):
        rows = [row for row in entry.rows if row["verdict"] == kind]
        if rows:
            why = f": {rows[0]['verdict_reason']}" if rows[0]["verdict_reason"] else ""
            lines.append(f"{len(rows)} of its {len(entry.rows)} trials {words}{why}.")
    return lines


def describe_choice(study: Study) -> str:
    """That the winner is chosen on the images that its accuracy is quoted on, and how many there are to choose from."""
    count = len(study.under(study.headline))
    return (
        f"Chosen among {count} by the images that these accuracies are quoted on: on new images the winner of so many "
        f"will do a little worse. The rule: {RULE}."
    )


def describe_seeds_needed(study: Study) -> str | None:
    """What a reader should know where there are too few seeds; null where there are enough."""
    seeds = len({row["seed"] for row in study.rows})
    if seeds >= LEAST_SEEDS:
        return None
    return (
        f"{_count_seeds(seeds).capitalize()}: too few to tell what a setting changes from the luck of a training run; "
        f"{LEAST_SEEDS} or more are needed. Tests over images compare the models that were trained, not their settings."
    )


def _measure_effect(effect: Effect) -> float:
    return abs(effect.paired.interval.mean) if effect.paired else 0.0


def _describe_effect(effect: Effect) -> str:
    assert effect.paired is not None, "only measured effects are described"
    interval = effect.paired.interval
    return (
        f"{effect.axis} {effect.before} → {effect.after}: {format_signed(interval.mean)} {effect.measure} "
        f"({_format_range(interval.low, interval.high)}, {_count_seeds(interval.count)}"
        f"{f', p {format_p_value(effect.adjusted)}' if effect.adjusted is not None else ''})"
    )


def _count_seeds(count: int) -> str:
    return f"{count} seed{'s' if count > 1 else ''}"


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


def _describe_spread(entry: Measured) -> str:
    """How many seeds stand behind both rates, and how far they lie apart."""
    if len(entry.rows) < 2:
        return describe_seeds(entry)
    clean, robust = (format_points(statistics.stdev(rates)) for rates in (entry.clean, entry.robust))
    return f"{describe_seeds(entry)}, standard deviation {clean} and {robust}"


def describe_seeds(entry: Measured) -> str:
    """How many replicates stand behind a number."""
    count = len(entry.rows)
    return f"mean of {count} seeds" if count > 1 else "one seed"
