"""What a check says of numbers, and the rows that it looks at."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from tasks.trial.row import Row

OK, SUSPICIOUS, NOT_TESTED = "ok", "suspicious", "not tested"

ATHALYE = "Athalye et al. 2018, arXiv 1802.00420"
CARLINI = "Carlini et al. 2019, arXiv 1902.06705"
CROCE = "Croce and Hein 2020, arXiv 2003.01690"
PAPERNOT = "Papernot et al. 2017, arXiv 1602.02697"
WONG = "Wong et al. 2020, arXiv 2001.03994"


@dataclass(frozen=True)
class Verdict:
    """One check of one model under attack."""

    check: str
    verdict: str
    figures: str
    """The numbers that it stands on."""
    paper: str
    trials: tuple[str, ...]
    """Ids of the trials whose numbers it questions or supports."""


Group = Sequence[Row]
"""Finished rows whose attacks were run on one model and the same images."""
Check = Callable[[Group], Iterator[Verdict]]


def list_ids(*rows: Row) -> tuple[str, ...]:
    """The ids of their trials."""
    return tuple(row["trial_id"] for row in rows)


def report_not_tested(check: str, paper: str, group: Group, needs: str) -> Verdict:
    """The verdict where the grid lacks what a check needs."""
    return Verdict(check, NOT_TESTED, f"needs {needs}", paper, list_ids(*group))
