"""What a check says of numbers, and the rows that it looks at."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from tasks.trial.row import Row

OK, UPPER_BOUND, SUSPICIOUS, NOT_TESTED = "ok", "upper bound", "suspicious", "not tested"
GRADES = (NOT_TESTED, OK, UPPER_BOUND, SUSPICIOUS)
"""From nothing said to the worst. `upper bound`: a stronger attack at hand leaves less, or more steps would.
`suspicious`: the number cannot be what it seems: gradients lead nowhere, or the attack does not attack."""

ATHALYE = "Athalye et al. 2018, arXiv 1802.00420"
CARLINI = "Carlini et al. 2019, arXiv 1902.06705"
CROCE = "Croce and Hein 2020, arXiv 2003.01690"
PAPERNOT = "Papernot et al. 2017, arXiv 1602.02697"
CROCE_ADAPTIVE = "Croce et al. 2022, arXiv 2202.13711"
PINTOR = "Pintor et al. 2022, arXiv 2106.09947"
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
    cause: str = ""
    """What the numbers point to and what would settle it, in words; empty where nothing is wrong."""
    always_shown: bool = False
    """Whether its figures stand below a table where it holds too: the number cannot be read without them."""

    @property
    def reason(self) -> str:
        """Cause and figures: what stands beside a number."""
        return f"{self.cause} ({self.figures})" if self.cause else self.figures


Group = Sequence[Row]
"""Finished rows whose attacks were run on one model and the same images."""
Check = Callable[[Group], Iterator[Verdict]]


def rank_severity(verdict: str) -> int:
    """The place of a verdict among the grades."""
    return GRADES.index(verdict)


def find_worst(found: Sequence[str | None]) -> str:
    """The worst of some verdicts; `-` before the checks have run."""
    return max((verdict for verdict in found if verdict), key=rank_severity, default="-")


def list_ids(*rows: Row) -> tuple[str, ...]:
    """The ids of their trials."""
    return tuple(row["trial_id"] for row in rows)


def report_not_tested(check: str, paper: str, group: Group, needs: str) -> Verdict:
    """The verdict where the grid lacks what a check needs."""
    return Verdict(check, NOT_TESTED, f"needs {needs}", paper, list_ids(*group))
