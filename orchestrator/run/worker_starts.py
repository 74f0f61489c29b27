"""How the starts of workers go: when the next may be tried, and what to say where none comes up."""

from __future__ import annotations

import time
from collections.abc import Callable

from orchestrator.run.failures import LOST, FailureKind, classify_failure, format_message

FIRST_DELAY, LONGEST_DELAY = 0.2, 10.0
"""Seconds between failed starts; doubled after each."""
MOST_FAILURES = 5
"""Workers that may one after another fail in their own constructor: then none will ever come up."""
MOST_SHORTAGES = 12
"""Workers that may one after another be ended for memory while they start, which by then has taken over a minute."""
LONGEST_SHORTAGE = 100.0
"""Seconds without any worker after which a shortage of memory ends the sweep: Ray itself would try for ever."""
FIRST_WORD = 30.0
"""Seconds without any worker after which it is said; again after twice as long."""


class WorkerStarts:
    """Of the workers of one pool."""

    def __init__(self, find_shortage: Callable[[], str | None]) -> None:
        """:param find_shortage: says why memory is short where workers are to start, if it is and that is known."""
        self._find_shortage = find_shortage
        self._delay = 0.0
        self._next_start = 0.0
        self._failures = self._shortages = 0
        self._last = ""
        self._waiting_since: float | None = None
        self._next_word = FIRST_WORD
        self.problem: str | None = None
        """Why no worker will come up, once that is clear."""

    @property
    def allowed(self) -> bool:
        """Whether another start may be tried now."""
        return time.monotonic() >= self._next_start

    def note_success(self) -> None:
        """A worker came up."""
        self._delay, self._failures, self._shortages, self._last = 0.0, 0, 0, ""

    def note_failure(self, error: BaseException) -> None:
        """A worker did not come up. Where it was only lost, that says nothing against the sweep."""
        self._delay = min(max(FIRST_DELAY, 2 * self._delay), LONGEST_DELAY)
        self._next_start = time.monotonic() + self._delay
        self._last = format_message(error)
        self._failures += getattr(error, "actor_init_failed", not isinstance(error, LOST))
        self._shortages += classify_failure(error) is FailureKind.NO_MEMORY
        if self._failures >= MOST_FAILURES or self._shortages >= MOST_SHORTAGES:
            self.problem = f"no worker can start: {self._last}"

    def find_standstill(self, workers: int, starting: int) -> str | None:
        """What to tell the user, now and then, while nothing can run.

        :param workers: those that are up.
        :param starting: those that have been asked for.
        """
        now = time.monotonic()
        if workers or not (starting or self._last):
            self._waiting_since, self._next_word = None, FIRST_WORD
            return None
        if self._waiting_since is None:
            self._waiting_since = now
        waited = now - self._waiting_since
        if waited < self._next_word and waited < LONGEST_SHORTAGE:
            return None
        shortage = self._find_shortage()
        if shortage and waited >= LONGEST_SHORTAGE:
            self.problem = f"no worker can start: {shortage}"
        if waited < self._next_word:
            return None
        self._next_word *= 2
        reason = shortage or (f"the last one: {self._last}" if self._last else "Ray has no room, or is still at it")
        return f"nothing runs: for {waited:.0f} s no worker has come up; {reason}"
