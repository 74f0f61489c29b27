"""The answers in words, each computed from the data."""

from __future__ import annotations

import statistics
from dataclasses import dataclass

from orchestrator.report.analysis.effects import LEAST_SEEDS, Effect, estimate_effects
from orchestrator.report.analysis.formats import format_p_value, format_points, format_range, format_rate, format_signed
from orchestrator.report.analysis.leads import Answer, Robust, compare_pairs
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
from orchestrator.results.headline import RULE, find_reason

MOST_SENTENCES = 10
"""Sentences of a kind; the tables have all."""


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
    compared = compare_pairs(chosen if known else [*chosen, (Choice(0.0, best), second)], robust)
    lead = next(answer for answer in compared if answer.choice.best is best and answer.runner_up is second)
    return Answers(_recommend(study, lead), compared[: len(chosen)], estimate_effects(study))


def _find_runner_up(study: Study, choice: Choice) -> Measured | None:
    """The most robust of the others that reach the same minimum of clean accuracy."""
    others = [entry for entry in study.under(study.headline) if entry is not choice.best]
    good = [entry for entry in others if has_clean_accuracy(entry, choice.least)]
    return max(good, key=lambda entry: entry.mean[1], default=None)


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
        (UPPER_BOUND, "gave an upper bound of robust accuracy"),
    ):
        rows = [row for row in entry.rows if row["verdict"] == kind]
        if rows:
            why = find_reason(rows, kind)
            count = f"{len(rows)} of its {len(entry.rows)} trials" if len(entry.rows) > 1 else "Its trial"
            lines.append(f"{count} {words}{f': {why}' if why else ''}.")
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
        f"({format_range(interval.low, interval.high)}, {_count_seeds(interval.count)}"
        f"{f', p {format_p_value(effect.adjusted)}' if effect.adjusted is not None else ''})"
    )


def _count_seeds(count: int) -> str:
    return f"{count} seed{'s' if count > 1 else ''}"


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
