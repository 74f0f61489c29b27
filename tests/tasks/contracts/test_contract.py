"""How promises are tried: every error of a part is one line that names where it came from."""

from __future__ import annotations

from typing import Any, Literal

import pytest
import torch
from torch import nn

from tasks.contracts.contract import (
    BrokenPromiseError,
    check_settings_are_read_as_written,
    copy_weights,
    expect,
    find_changed_weights,
    read_settings,
    try_promises,
)
from tasks.errors import UsageError
from tasks.settings import Count, Settings, keyed, unkeyed


class Plain(Settings):
    """Settings that are read as they are written."""

    name: Literal["plain"] = keyed("plain")
    count: Count = keyed(1, ge=1)


class Nameless(Plain):
    """Settings whose name is in no key."""

    name: Literal["plain"] = unkeyed("plain")


def check_nothing(subject: list[int]) -> None:
    subject.append(1)


def check_that_fails(subject: list[int]) -> None:
    expect(len(subject) == 0, f"there are {len(subject)}")


def check_that_refuses(_: list[int]) -> None:
    raise UsageError("say it otherwise")


def check_that_reads(_: list[int]) -> None:
    Plain.model_validate({"count": 0, "other": 1})


def check_that_breaks(_: list[int]) -> None:
    raise KeyError("first\nsecond")


def check_that_is_mute(_: list[int]) -> None:
    raise ValueError


def check_that_breaks_below(_: list[int]) -> None:
    nn.Linear(2, 3)(torch.zeros(1, 5))


def test_each_promise_is_tried_on_the_same_subject_and_every_error_is_one_line() -> None:
    checks = (
        check_nothing,
        check_that_fails,
        check_that_refuses,
        check_that_reads,
        check_that_breaks,
        check_that_is_mute,
        check_that_breaks_below,
    )
    found = try_promises("model", "mine", list, checks)
    assert {(each.kind, each.name) for each in found} == {("model", "mine")}
    assert [each.check for each in found] == [
        "is built",
        "nothing",
        "that fails",
        "that refuses",
        "that reads",
        "that breaks",
        "that is mute",
        "that breaks below",
    ]
    problems = [each.problem for each in found]
    assert problems[:4] == [None, None, "there are 1", "say it otherwise"]
    assert problems[4] == ("count: Input should be greater than or equal to 1; other: Extra inputs are not permitted")
    here = check_that_breaks.__code__.co_firstlineno
    assert problems[5] == f"KeyError: 'first\\nsecond' (test_contract.py, line {here + 1})"
    assert problems[6] == f"ValueError:  (test_contract.py, line {check_that_is_mute.__code__.co_firstlineno + 1})"
    below = check_that_breaks_below.__code__.co_firstlineno
    assert "mat1 and mat2 shapes cannot be multiplied" in str(problems[7])
    assert str(problems[7]).endswith(f"(test_contract.py, line {below + 1})"), (
        "the line of the part, not of the library"
    )


def test_of_what_cannot_be_built_nothing_else_is_tried() -> None:
    def prepare() -> list[int]:
        raise BrokenPromiseError("it is not there")

    (found,) = try_promises("model", "mine", prepare, (check_nothing,))
    assert (found.check, found.problem) == ("is built", "it is not there")


def test_settings_that_do_not_validate_are_named_in_the_words_of_a_plan() -> None:
    assert read_settings(Plain, {"count": 3}) == Plain(count=3)
    (found,) = try_promises("attack", "mine", lambda: read_settings(Plain, {"count": 0, "counts": 1}), ())
    assert found.problem == (
        "count = 0: should be greater than or equal to 1; "
        "counts = 1: unknown setting; choose from count, name; did you mean 'count'?"
    )


def test_settings_are_read_as_they_are_written() -> None:
    class Doubling(Plain):
        """Settings whose reading changes them."""

        def model_post_init(self, _: Any) -> None:
            self.__dict__["count"] = self.count * 2

    check_settings_are_read_as_written(Plain(count=3))
    with pytest.raises(BrokenPromiseError, match=r"^read again they differ: .*'count': 6.* -> .*'count': 12"):
        check_settings_are_read_as_written(Doubling(count=3))
    with pytest.raises(BrokenPromiseError, match="the name is not `keyed`: two parts would share their keys"):
        check_settings_are_read_as_written(Nameless())


def test_weights_and_buffers_that_have_changed_are_named() -> None:
    layer = nn.Linear(2, 2)
    model = nn.Sequential(layer, nn.BatchNorm1d(2))
    before = copy_weights(model)
    assert find_changed_weights(model, before) == []
    layer.bias.data[1] += 1
    dict(model.named_buffers())["1.running_mean"][0] = 5
    assert find_changed_weights(model, before) == ["0.bias", "1.running_mean"]
