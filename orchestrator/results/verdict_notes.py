"""Marks beside numbers of which a check has something to say, and below the table what each mark means."""

from __future__ import annotations

import string
from collections import defaultdict
from collections.abc import Iterator, Sequence

from orchestrator.results.checks.verdict import NOT_TESTED, OK, SUSPICIOUS, Verdict
from tasks.trial.row import Row

ALARM = "!"
"""Before the letter of a mark that casts doubt on the number."""


class VerdictNotes:
    """Letters for what the checks say, in the order in which they are first needed."""

    def __init__(self, found: Sequence[Verdict]) -> None:
        """:param found: what the checks say of all rows of the sweep."""
        self._by_trial: dict[str, list[Verdict]] = defaultdict(list)
        for verdict in found:
            if verdict.verdict not in (OK, NOT_TESTED) or (verdict.always_shown and verdict.verdict == OK):
                for trial_id in verdict.trials:
                    self._by_trial[trial_id].append(verdict)
        self._letters: dict[tuple[str, str], str] = {}
        self._examples: dict[tuple[str, str], Verdict] = {}
        self._marked: dict[tuple[str, str], int] = defaultdict(int)

    def mark(self, rows: Sequence[Row]) -> str:
        """The mark beside a number, such as `!a,b`; empty where nothing need be said of it."""
        found = {(v.verdict, v.check): v for row in rows for v in self._by_trial.get(row["trial_id"], ())}
        for kind, verdict in found.items():
            self._letters.setdefault(kind, _make_letter(len(self._letters)))
            self._examples.setdefault(kind, verdict)
            self._marked[kind] += 1
        letters = ",".join(sorted(self._letters[kind] for kind in found))
        doubted = any(verdict == SUSPICIOUS for verdict, _ in found)
        return f"{ALARM if doubted else ''}{letters}"

    def explain(self) -> Iterator[str]:
        """A line for each mark that was made: what it says, of how many numbers, and the figures of the first."""
        for kind, letter in self._letters.items():
            verdict, example = kind[0], self._examples[kind]
            mark = f"{ALARM}{letter}" if verdict == SUSPICIOUS else letter
            count = self._marked[kind]
            numbers = f"{count} numbers, the first:" if count > 1 else "1 number:"
            yield f"{mark}  {verdict}: {example.check}, {numbers} {example.reason} ({example.paper})"


def _make_letter(number: int) -> str:
    """`a` to `z`, then `aa`."""
    most = len(string.ascii_lowercase)
    return (
        string.ascii_lowercase[number]
        if number < most
        else string.ascii_lowercase[number // most - 1] + _make_letter(number % most)
    )


def count_checks(found: Sequence[Verdict], rows: Sequence[Row]) -> str:
    """How many checks hold, and how many lack what they need."""
    of = {row["trial_id"] for row in rows}
    by_check: dict[str, set[str]] = defaultdict(set)
    for verdict in found:
        if of & set(verdict.trials):
            by_check[verdict.check].add(verdict.verdict)
    holding = sum(kinds == {OK} or kinds == {OK, NOT_TESTED} for kinds in by_check.values())
    untested = sorted(check for check, kinds in by_check.items() if kinds == {NOT_TESTED})
    more = (
        f", {len(untested)} not tested ({', '.join(untested)}): launch --verify adds what they need" if untested else ""
    )
    return f"{holding} of {len(by_check)} checks hold{more}"
