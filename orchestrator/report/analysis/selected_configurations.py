"""The few configurations that a report looks at closely."""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from dataclasses import dataclass

from orchestrator.report.analysis.study import Configuration, Measured, Study, is_defended

LADDER = (0.99, 0.98, 0.97, 0.96, 0.95, 0.93, 0.9, 0.85, 0.8, 0.75, 0.7, 0.6, 0.5, 0.4, 0.3, 0.2, 0.1, 0.0)
"""Minimum clean accuracies that people ask for."""
MOST = 4
MOST_SHOWN = 12
"""Models under attacks that a figure which somebody asked for shows one by one."""


@dataclass(frozen=True)
class Choice:
    """What to take for a minimum clean accuracy."""

    least: float
    best: Measured


def has_clean_accuracy(entry: Measured, least: float) -> bool:
    """Whether the clean accuracy is at least so high, whatever rounding did to its last digits."""
    return entry.mean[0] >= least - 1e-9


def choose_by_minimum(study: Study) -> list[Choice]:
    """The most robust configuration under the headline attack for each minimum that some configuration reaches.

    Where lowering the minimum changes nothing, only the highest one is kept.
    """
    found = study.under(study.headline)
    chosen: list[Choice] = []
    for least in LADDER:
        good = [entry for entry in found if has_clean_accuracy(entry, least)]
        if good:
            best = max(good, key=lambda entry: (entry.mean[1], entry.mean[0]))
            if not chosen or best is not chosen[-1].best:
                chosen.append(Choice(least, best))
    return chosen


def find_baseline(study: Study) -> Measured:
    """The most accurate configuration that is neither defended in training, nor behind transformations, nor pruned; of
    these three, in this order, as many as the grid has together.
    """
    found = study.under(study.headline)
    found = [entry for entry in found if not is_defended(entry.rows[0])] or found
    for column in ("transformations", "pruning_ratio"):
        found = [entry for entry in found if not entry.rows[0][column]] or found
    return max(found, key=lambda entry: (entry.mean[0], -entry.mean[1]))


def find_compromise(study: Study) -> Measured:
    """The configuration whose mean of clean and robust accuracy under the headline attack is highest."""
    return max(study.under(study.headline), key=_rate_compromise)


def find_next_compromise(study: Study) -> Measured | None:
    """The second highest by the rule of `find_compromise`; null where there is one configuration alone."""
    best = find_compromise(study)
    return max(
        (entry for entry in study.under(study.headline) if entry is not best), key=_rate_compromise, default=None
    )


def _rate_compromise(entry: Measured) -> tuple[float, float]:
    return statistics.fmean(entry.mean), entry.mean[0]


def choose_entries(study: Study) -> list[Measured]:
    """The selected configurations under the strongest attack of the headline budget: one that has images of its own,
    which the worst case over several has not.
    """
    return [study.measured[configuration.key, study.strongest.key] for configuration in select_configurations(study)]


def list_entries(study: Study) -> list[Measured]:
    """Every configuration under every attack, configuration by configuration.

    Where these are more than can be looked at one by one: under the strongest attack of the headline budget; then the
    selected ones alone.
    """
    known = [entry for entry in study.measured.values() if entry.threat is not study.worst]
    found = sorted(known, key=lambda entry: study.configurations.index(entry.configuration))
    if len(found) > MOST_SHOWN:
        found = study.under(study.strongest)
    return found if len(found) <= MOST_SHOWN else choose_entries(study)


def select_configurations(study: Study) -> list[Configuration]:
    """The one without a defence, the best compromise, and the winners for some minimum of clean accuracy."""
    ordered: Sequence[Measured] = [
        find_baseline(study), find_compromise(study), *(choice.best for choice in reversed(choose_by_minimum(study)))
    ]  # fmt: skip
    return list({entry.configuration.key: entry.configuration for entry in ordered}.values())[:MOST]
