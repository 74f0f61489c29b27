"""Messages about what a user can mend."""

from __future__ import annotations

import errno
from pathlib import Path

import pytest

from tasks.errors import (
    MOST_PROBLEMS,
    Problem,
    ProblemsError,
    StorageGoneError,
    TooLargeError,
    describe_system_error,
    limit_problems,
    list_choices,
    name_place,
)


def test_what_the_system_says_and_of_what() -> None:
    assert describe_system_error(OSError(errno.ENOENT, "No such file", "one")) == "one: No such file"
    both = OSError(errno.EXDEV, "Cross-device link", "one", None, "two")
    assert describe_system_error(both) == "one and two: Cross-device link"
    assert describe_system_error(OSError("a sentence")) == "a sentence"


def test_an_error_without_a_place_is_given_one() -> None:
    with pytest.raises(OSError, match="No space left") as found, name_place(Path("folder")):
        raise OSError(errno.ENOSPC, "full")
    assert (found.value.errno, found.value.filename) == (errno.ENOSPC, "folder")
    for kept in (OSError(errno.ENOSPC, "full", "elsewhere"), OSError("no number"), StorageGoneError(1, "gone")):
        with pytest.raises(OSError) as found, name_place(Path("folder")):  # noqa: PT011
            raise kept
        assert found.value is kept


def test_a_file_that_is_too_large_says_by_how_much() -> None:
    error = TooLargeError("stages/a", 12345, 1000)
    assert (str(error), error.size) == ("stages/a: has 12,345 bytes; the most that is read is 1,000", 12345)


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        (None, "place: is odd"),
        (True, "place = true: is odd"),
        ("a b", "place = 'a b': is odd"),
        ({"a": [1, None, False], "b": ("c",)}, "place = {a: [1, null, false], b: ['c']}: is odd"),
        ("x" * 78, f"place = '{'x' * 78}': is odd"),
        ("x" * 79, f"place = '{'x' * 76}...: is odd"),
        pytest.param(10**5000, "place = a int: is odd", id="5,001 digits"),
    ],
)
def test_a_value_is_shown_as_a_file_has_it_up_to_eighty_characters(value: object, shown: str) -> None:
    assert str(Problem("place", value, "is odd")) == shown
    beside = Problem("place", value, "is odd", {"other": 3, "absent": None, "more": [True]})
    assert str(beside) == shown.replace(": is odd", " beside other = 3, more = [true]: is odd")


def test_mistakes_are_listed_once_each_and_not_without_end() -> None:
    one, other = Problem("train.lr", "x" * 100, "is no number"), Problem("seed", None, "is missing")
    assert str(one) == f"train.lr = 'x{'x' * 75}...: is no number"
    assert str(ProblemsError("a.yaml", [other])) == "a.yaml: 1 problem\n  seed: is missing"
    assert str(ProblemsError("a.yaml", [other, one, other])) == f"a.yaml: 2 problems\n  {other}\n  {one}"
    many = limit_problems(Problem(f"p{number}", number, "is wrong") for number in range(1000))
    assert len(many) == MOST_PROBLEMS + 1
    lines = str(ProblemsError("a.yaml", many)).splitlines()
    assert lines[0] == f"a.yaml: more than {MOST_PROBLEMS} problems"
    assert (len(lines), lines[1], lines[-1]) == (MOST_PROBLEMS + 2, "  p0 = 0: is wrong", "  and so on")
    assert "more than" not in str(ProblemsError("a.yaml", many[:MOST_PROBLEMS]))


def test_choices_come_sorted_with_the_nearest() -> None:
    assert list_choices(["pgd", "fgsm", "ifgsm"], "igfsm") == "choose from fgsm, ifgsm, pgd; did you mean 'ifgsm'?"
    assert list_choices({"b", "a"}, "something else") == "choose from a, b"
