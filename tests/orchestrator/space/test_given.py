"""Spaces that are given as plain data."""

from __future__ import annotations

from typing import Any

import pytest

from orchestrator.space.given import copy_plain, write_space
from tasks.errors import UsageError
from tasks.yaml_files import read_mapping


def test_nothing_of_a_copy_is_shared() -> None:
    content: dict[str, Any] = {"a": [1, {"b": 0.5}], "c": None}
    found = copy_plain(content)
    assert found == content
    found["a"][1]["b"] = 3
    assert content["a"][1]["b"] == 0.5
    assert copy_plain((1, 2)) == [1, 2]


@pytest.mark.parametrize("content", [{"a": {1, 2}}, {"a": object()}])
def test_what_yaml_has_no_word_for_is_refused(content: Any) -> None:
    with pytest.raises(UsageError, match="a space is plain data, as YAML has it: Object of type"):
        copy_plain(content)


def test_what_holds_itself_is_refused() -> None:
    content: dict[str, Any] = {}
    content["a"] = content
    with pytest.raises(UsageError, match="a space is plain data"):
        copy_plain(content)


def test_the_file_has_the_name_and_is_gone_afterwards() -> None:
    with write_space({"seed": 3, "prune": {"ratio": 0.5}}, "my-space_1") as file:
        assert file.name == "my-space_1.yaml"
        assert read_mapping(file) == {"seed": 3, "prune": {"ratio": 0.5}}
    assert not file.exists()


@pytest.mark.parametrize(("name", "right"), [("x" * 60, True), ("x" * 61, False), ("", False), ("a/b", False),
                                             ("a.b", False), ("a b", False), ("a\n", False)])  # fmt: skip
def test_a_name_is_that_of_a_file(name: str, right: bool) -> None:
    if right:
        with write_space({}, name) as file:
            assert file.stem == name
        return
    with pytest.raises(UsageError, match=r"^name = .*letters, digits, `_` and `-`, at most 60"), write_space({}, name):
        pass
