"""What is made of each mutation, and a few of them, others every day: a test that holds nothing is noticed in weeks."""

from __future__ import annotations

import contextlib
import os
import random
import time
from collections.abc import Iterator, Sequence
from datetime import date
from typing import Any

import pytest

from tests.mutation import run, worker
from tests.mutation.catalog import Mutation, load_mutations, read_noticed
from tests.mutation.run import ERROR, KILLED, SURVIVED, TIMED_OUT, run_mutations

SAMPLE = 10
SLOW: dict[str, Any] = {"code": -9, "in_time": False, "seconds": 180.0, "tail": ""}


def answer(code: int) -> dict[str, Any]:
    return {"code": code, "in_time": True, "seconds": 1.0, "tail": "the end"}


class Workers:
    """Workers that answer by what a mutation means: the first of its answers at first, then the next."""

    def __init__(self, answers: dict[str, list[dict[str, Any]]]) -> None:
        self._answers = answers
        self._open = list[int]()
        self.asked_beside: list[tuple[str, int]] = []
        """What was asked, and how many workers there were."""

    @contextlib.contextmanager
    def open(self) -> Iterator[Workers]:
        self._open.append(1)
        yield self
        self._open.pop()

    def ask(self, mutation: Mutation, tests: Sequence[str]) -> dict[str, Any]:  # noqa: ARG002
        self.asked_beside.append((mutation.why, len(self._open)))
        return self._answers[mutation.why].pop(0)


def test_what_takes_too_long_runs_once_more_alone_and_is_a_kind_of_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    answers = {
        "passes": [answer(0)], "fails": [answer(1)], "cannot be imported": [answer(2)], "crashes": [answer(-11)],
        "is not understood": [answer(4)], "is slow once": [SLOW, answer(1)], "has no end": [SLOW, SLOW],
    }  # fmt: skip
    workers = Workers(answers)
    monkeypatch.setattr(run, "open_worker", workers.open)
    mutations = [Mutation("area", "code.py", "", "", (why,), why, "", True) for why in answers]
    found = {one.mutation.why: one for one in run_mutations(mutations, jobs=2, baseline=False)}
    assert {why: one.state for why, one in found.items()} == {
        "passes": SURVIVED, "fails": KILLED, "cannot be imported": KILLED, "crashes": KILLED,
        "is not understood": ERROR, "is slow once": KILLED, "has no end": TIMED_OUT,
    }  # fmt: skip
    assert found["is not understood"].problem == "pytest ended with 4: the end"
    assert sorted(workers.asked_beside[-2:]) == [("has no end", 1), ("is slow once", 1)], "nothing else ran then"


def test_tests_that_do_not_pass_or_end_without_a_mutation_say_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    for first, said in ((answer(1), "fail"), (SLOW, "take more than 180 s")):
        monkeypatch.setattr(Workers, "ask", lambda *_, first=first: first)
        monkeypatch.setattr(run, "open_worker", Workers({}).open)
        (found,) = run_mutations([Mutation("area", "code.py", "", "", (), "why", "", True)])
        assert (found.state, found.problem) == (ERROR, f"its tests {said} without it: {first['tail']}")


def test_who_takes_too_long_is_ended_and_told_from_who_fails(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(worker, "become_pytest", lambda tests, out: time.sleep(600))  # noqa: ARG005
    assert not worker.run_tests([], 0.1)["in_time"]
    monkeypatch.setattr(worker, "become_pytest", lambda tests, out: os._exit(1))  # noqa: ARG005
    ended = worker.run_tests([], 600.0)
    assert (ended["code"], ended["in_time"]) == (1, True)


@pytest.mark.slow
def test_todays_sample_is_killed() -> None:
    noticed = read_noticed()
    known = [mutation for mutation in load_mutations() if mutation.quick and mutation.why in noticed]
    chosen = random.Random(date.today().toordinal()).sample(known, SAMPLE)
    found = list(run_mutations(chosen, baseline=False))
    assert len(found) == SAMPLE
    assert [(one.mutation.why, one.state, one.problem) for one in found if one.state not in (KILLED, TIMED_OUT)] == []
