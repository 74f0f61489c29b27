"""How long a stage may take: what may be asked for, and that it is part of no key."""

from __future__ import annotations

from typing import Any

import pytest

from orchestrator.plan.plan import make_plan
from orchestrator.space import space as spaces
from orchestrator.space.timeouts import parse_timeouts, with_options
from tasks.errors import ProblemsError, UsageError
from tests.conftest import CONFIG


def test_a_space_and_the_command_line_say_how_long_a_kind_may_take() -> None:
    table, found = parse_timeouts({"train": 3600, "attack": "1e2"})
    assert not found
    assert with_options(table, ["train=60", "prune=0.5"]) == {"train": 60, "attack": 100, "prune": 0.5}
    assert parse_timeouts(None) == ({}, [])


def test_time_outs_are_part_of_no_key() -> None:
    plain = spaces.build("a", "a", dict(CONFIG))
    limited = spaces.build("a", "a", {**CONFIG, "timeouts": {"train": 3600}})
    assert limited.timeouts == {"train": 3600}
    assert make_plan(plain, None).stages.keys() == make_plan(limited, None).stages.keys()
    assert make_plan(plain, None).sweep_id == make_plan(limited, None).sweep_id


@pytest.mark.parametrize(
    ("raw", "message"),
    [
        ({"trian": 5}, "timeouts.trian = 5: unknown kind of stage; .* did you mean 'train'?"),
        ({"train": 0}, "timeouts.train = 0: should be more than 0 seconds"),
        ({"train": "long"}, "timeouts.train = 'long': is not a number"),
        ([5], "timeouts = .*: is not a mapping"),
    ],
)
def test_mistakes_of_a_space_are_named(raw: Any, message: str) -> None:
    with pytest.raises(ProblemsError, match=message):
        spaces.build("a", "a", {**CONFIG, "timeouts": raw})


@pytest.mark.parametrize(
    ("option", "message"),
    [
        ("train", "--timeout train: write it as KIND=SECONDS"),
        ("attak=3", "unknown kind of stage; .* did you mean 'attack'"),
        ("attack=-1", "should be more than 0 seconds"),
        ("attack=inf", "should be more than 0 seconds"),
    ],
)
def test_mistakes_of_an_option_are_named(option: str, message: str) -> None:
    with pytest.raises(UsageError, match=message):
        with_options({}, [option])
