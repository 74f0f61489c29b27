"""Numbers from the environment: read as they are, or refused with their name, their value and an example."""

from __future__ import annotations

import os

import pytest

from tasks.environment import read_number, set_variables
from tasks.errors import UsageError

NAME = "ADVSWEEP_OF_THE_TEST"


@pytest.mark.parametrize(("text", "expected"), [(None, 30.0), ("", 30.0), ("0", 0.0), ("2.5", 2.5), ("50", 50.0)])
def test_a_number_is_read_and_nothing_is_the_default(
    text: str | None, expected: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    if text is not None:
        monkeypatch.setenv(NAME, text)
    assert read_number(NAME, 30.0, "seconds", largest=50.0) == expected


@pytest.mark.parametrize("text", ["soon", "nan", "inf", "-1", "50.5"])
def test_anything_else_is_refused(text: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(NAME, text)
    with pytest.raises(UsageError, match=f"{NAME} = '{text}': is not a number of seconds up to 50, such as 30"):
        read_number(NAME, 30.0, "seconds", largest=50.0)


def test_zero_is_refused_where_a_number_must_be_positive(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(NAME, "0")
    with pytest.raises(UsageError, match="is not a number of gigabytes, such as 10"):
        read_number(NAME, 10.0, "gigabytes", positive=True)


def test_without_a_largest_number_only_infinity_is_too_much(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(NAME, "1e300")
    assert read_number(NAME, 10.0, "gigabytes") == 1e300
    monkeypatch.setenv(NAME, "inf")
    with pytest.raises(UsageError):
        read_number(NAME, 10.0, "gigabytes")


def test_variables_are_others_for_a_while_and_then_what_they_were(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(NAME, "before")
    monkeypatch.delenv(f"{NAME}_TOO", raising=False)
    seen: list[str] = []

    def fail() -> None:
        with set_variables({NAME: "now", f"{NAME}_TOO": "there"}):
            seen.extend([os.environ[NAME], os.environ[f"{NAME}_TOO"]])
            raise KeyError

    with pytest.raises(KeyError):
        fail()
    assert seen == ["now", "there"]
    assert os.environ[NAME] == "before"
    assert f"{NAME}_TOO" not in os.environ
