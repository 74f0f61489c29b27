"""Plain data out of YAML: which text is which value, what aliases and `<<` give, and where the limits are."""

from __future__ import annotations

from typing import Any

import pytest

from tasks import yaml_events
from tasks.errors import UsageError
from tasks.yaml_files import parse_yaml


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("~", None), ("null", None), ("Null", None), ("NULL", None), ("nULL", "nULL"), ("''", ""),
        ("true", True), ("True", True), ("TRUE", True), ("false", False), ("FALSE", False), ("'true'", "true"),
        ("yes", "yes"), ("no", "no"), ("on", "on"),
        ("12", 12), ("+12", 12), ("-3", -3), ("012", 12), ("0x10", "0x10"), ("0b1", "0b1"), ("1_000", "1_000"),
        ("1:30", "1:30"), ("2024-01-02", "2024-01-02"), ("'12'", "12"), ('"12"', "12"), ("|-\n  12", "12"),
        ("1.5", 1.5), (".5", 0.5), ("3.", 3.0), ("1e3", 1000.0), ("-2.5E-1", -0.25), ("1e", "1e"), (".", "."),
        (".inf", ".inf"), (".nan", ".nan"), ("8/255", "8/255"), ("{}", {}), ("[]", []),
    ],
)  # fmt: skip
def test_what_a_text_without_quotes_is(text: str, value: object) -> None:
    found = parse_yaml(f"value: {text}\n", "here")
    assert found == {"value": value}
    assert type(found["value"]) is type(value)


def test_keys_are_text_whatever_they_look_like() -> None:
    assert parse_yaml("1: a\ntrue: b\nnull: c\n", "here") == {"1": "a", "true": "b", "null": "c"}


def test_an_alias_is_the_same_object_and_what_is_merged_gives_way_to_what_is_written() -> None:
    found = parse_yaml("a: &x {p: 1, q: [2]}\nb: *x\nc: {q: 3, <<: *x, r: 4}\nn: &n 5\nm: *n\n", "here")
    assert found["b"] is found["a"]
    assert found["c"] == {"p": 1, "q": 3, "r": 4}
    assert (found["n"], found["m"]) == (5, 5)


def test_of_several_that_are_merged_the_first_counts() -> None:
    found = parse_yaml("a: &a {p: 1, q: 1}\nb: &b {q: 2, r: 2}\nc: {<<: [*a, *b], s: 3}\n", "here")
    assert found["c"] == {"p": 1, "q": 1, "r": 2, "s": 3}


@pytest.mark.parametrize(
    ("text", "line", "reason"),
    [
        ("a: 1\n---\nb: 2\n", 2, "a second document begins"),
        ("a: 1\nb: 2\na: 3\n", 3, "a stands twice"),
        ("a:\n  b: !!set {}\n", 2, "tags such as tag:yaml.org,2002:set are not known: write the value alone"),
        ("a: *x\n", 1, r"the alias \*x names nothing above it"),
        ("a:\n  - &x [*x]\n", 2, r"the alias \*x stands inside of what it names"),
        ("a: &x b\n*x : 2\n", 2, "a key is a text, not an alias"),
        ("a: 1\n? [b]\n: 2\n", 2, "a key is a text, not a list or a mapping"),
        ("a: 1\nb: {<<: 3}\n", 2, "<< takes a mapping or a list of them"),
        ("a: 1\nb: {<<: [{c: 1}, 2]}\n", 2, "<< takes a mapping or a list of them"),
        ("a: 1\nb: 1e999\n", 2, "1e999 is too large for a number"),
        ('a: "\\0"\n', 1, "a text holds a character that no text can hold"),
        ('a: "\\ud800"\n', 1, "a text holds a character that no text can hold"),
        ('"\\0": 1\n', 1, "a text holds a character that no text can hold"),
    ],
)
def test_what_is_more_than_plain_data_is_refused_with_its_line(text: str, line: int, reason: str) -> None:
    with pytest.raises(UsageError, match=rf"^here: not valid YAML in line {line}: {reason}$"):
        parse_yaml(text, "here")


def test_a_number_may_have_a_hundred_characters() -> None:
    assert parse_yaml(f"a: {'9' * 100}", "here") == {"a": int("9" * 100)}
    with pytest.raises(UsageError, match=r"a number has 1,101 characters; the most is 100$"):
        parse_yaml(f"a: {'9' * 1101}", "here")
    with pytest.raises(UsageError, match=r"a number has 101 characters; the most is 100$"):
        parse_yaml(f"a: 0.{'9' * 99}", "here")
    assert parse_yaml(f"a: '{'9' * 101}'", "here") == {"a": "9" * 101}


def nest(levels: int) -> Any:
    """So many lists inside each other."""
    return parse_yaml("[" * levels + "]" * levels, "here")


def test_fifty_lists_may_stand_inside_each_other() -> None:
    assert nest(50) != nest(49)
    for text in ("[" * 51 + "]" * 51, "[" * 51, "{a: " * 51):  # before the end is looked for
        with pytest.raises(UsageError, match="more than 50 lists and mappings inside each other"):
            parse_yaml(text, "here")


def test_levels_are_counted_behind_an_alias_too(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(yaml_events, "MOST_LEVELS", 5)
    assert parse_yaml("a: &x [{b: 1}, []]\nc: [[*x]]\n", "here")["c"] == [[[{"b": 1}, []]]]
    with pytest.raises(UsageError, match="in line 2: more than 5 lists"):
        parse_yaml("a: &x [{b: 1}, []]\nc: [[[*x]]]\n", "here")


def test_values_are_counted_with_what_aliases_repeat(monkeypatch: pytest.MonkeyPatch) -> None:
    """A mapping, its three keys, a list of two numbers (3 values), once more, and a number: 11."""
    text = "a: &x [1, 2]\nb: *x\nc: 3\n"
    monkeypatch.setattr(yaml_events, "MOST_NODES", 11)
    assert parse_yaml(text, "here") == {"a": [1, 2], "b": [1, 2], "c": 3}
    monkeypatch.setattr(yaml_events, "MOST_NODES", 10)
    with pytest.raises(UsageError, match="in line 3: more than 10 values, aliases expanded"):
        parse_yaml(text, "here")
    monkeypatch.setattr(yaml_events, "MOST_NODES", 6)
    with pytest.raises(UsageError, match="in line 2: more than 6 values"):
        parse_yaml(text, "here")
