"""The list of mutations fits the code, and what it counts is what was run."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from tests.mutation import catalog
from tests.mutation.__main__ import is_wrong, summarize
from tests.mutation.catalog import Mutation, find_missing_tests, load_mutations
from tests.mutation.run import ERROR, KILLED, SURVIVED, TIMED_OUT, Outcome
from tests.support.checkout import ROOT

MUTATIONS = load_mutations()


def test_every_mutation_can_be_applied() -> None:
    """Whoever changes a line that is on the list sees it here, and changes the list too."""
    misfits = []
    for mutation in MUTATIONS:
        try:
            mutation.apply(ROOT)
        except (OSError, ValueError) as error:
            misfits.append(str(error))
    assert misfits == []


@pytest.mark.slow
def test_every_mutation_is_python() -> None:
    for mutation in MUTATIONS:
        compile(mutation.apply(ROOT), mutation.file, "exec")


def test_every_mutation_has_tests_and_a_reason_of_its_own() -> None:
    assert find_missing_tests(MUTATIONS) == []
    assert all(mutation.tests for mutation in MUTATIONS)
    reasons = [mutation.why for mutation in MUTATIONS]
    assert sorted({reason for reason in reasons if reasons.count(reason) > 1}) == []
    assert len(MUTATIONS) >= 150


def test_what_was_noticed_is_on_the_list_and_what_was_run_is_kept(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert catalog.read_noticed() <= {mutation.why for mutation in MUTATIONS}
    monkeypatch.setattr(catalog, "NOTICED", tmp_path / "noticed.txt")
    (tmp_path / "noticed.txt").write_text("one\ntwo\n")
    catalog.note_outcomes({"two": False, "three": True})
    assert catalog.read_noticed() == {"one", "three"}


def make_mutation(before: str, tests: tuple[str, ...] = ()) -> Mutation:
    return Mutation("area", "code.py", before, "changed", tests, "why", "", True)


def test_what_does_not_stand_there_once_is_refused(tmp_path: Path) -> None:
    (tmp_path / "code.py").write_text("one two two")
    assert make_mutation("one").apply(tmp_path) == "changed two two"
    for before in ("two", "three"):
        with pytest.raises(ValueError, match="times in"):
            make_mutation(before).apply(tmp_path)


def test_a_test_that_is_not_there_is_found(tmp_path: Path) -> None:
    (tmp_path / "test_code.py").write_text("def test_one():\n    pass\n")
    tests = ("test_code.py", "test_code.py::test_one[1]", "test_code.py::test_two", "test_gone.py")
    assert find_missing_tests([make_mutation("one", tests)], tmp_path) == ["test_code.py::test_two", "test_gone.py"]


def test_rates_are_by_area_and_in_all() -> None:
    one, other = make_mutation("one"), Mutation("other", "code.py", "", "", (), "why", "", True)
    states = {one: [KILLED, SURVIVED, TIMED_OUT], other: [KILLED]}
    found = [Outcome(mutation, state, 1.0) for mutation in states for state in states[mutation]]
    assert summarize(found).splitlines()[3:] == [
        "| area | 1 | 1 | 3 | 33 % |",
        "| other | 1 | 0 | 1 | 100 % |",
        "| all | 2 | 1 | 4 | 50 % |",
    ]


def test_what_survives_is_wrong_unless_no_test_can_notice_it_and_a_time_that_is_up_says_nothing() -> None:
    noticeable = make_mutation("one")
    equal = replace(noticeable, survives="it means the same")
    states = (KILLED, SURVIVED, TIMED_OUT, ERROR)
    assert [is_wrong(Outcome(noticeable, state, 1.0)) for state in states] == [False, True, False, True]
    assert [is_wrong(Outcome(equal, state, 1.0)) for state in states] == [True, False, False, True]
