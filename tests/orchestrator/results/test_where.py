"""Which trials `--where` means."""

from __future__ import annotations

from typing import Any

import pytest

from orchestrator.results.where import parse_where, select_rows
from orchestrator.space.matching import Bounds
from tasks.errors import UsageError
from tests.support.rows import ifgsm, row

ROWS = [ifgsm("8/255", 10, 200), ifgsm("4/255", 5, 300), ifgsm("8/255", 5, 250) | {"status": "failed"}]


@pytest.mark.parametrize(
    ("texts", "where", "places"),
    [
        ([], {}, [0, 1]),
        (["attack_eps=8/255"], {"attack_eps": "8/255"}, [0]),
        (["attack_eps=8/255", "attack_eps = 4/255"], {"attack_eps": ["8/255", "4/255"]}, [0, 1]),
        (["attack_steps=[5, 20]"], {"attack_steps": [5, 20]}, [1]),
        (["attack_surrogate=null"], {"attack_surrogate": None}, [0, 1]),
        (["attack=*"], {"attack": "*"}, [0, 1]),
        (["attack_steps>5"], {"attack_steps": Bounds(((">", 5.0),))}, [0]),
        (["attack_steps >= 5", "attack_steps<10"], {"attack_steps": Bounds(((">=", 5.0), ("<", 10.0)))}, [1]),
        (["attack_eps<=4/255"], {"attack_eps": Bounds((("<=", 4 / 255),))}, [1]),
        (["train.epochs>1", "lambda_=0.5"], {"train.epochs": Bounds(((">", 1.0),)), "lambda": 0.5}, [0, 1]),
        (["eps=8/255", "steps=10"], {"attack_eps": "8/255", "attack_steps": 10}, [0]),
        (["train.epochs=2", "attack_steps=5"], {"train.epochs": 2, "attack_steps": 5}, [1]),
    ],
)
def test_texts_become_a_selection_of_finished_rows(texts: list[str], where: dict[str, Any], places: list[int]) -> None:
    assert parse_where(texts) == where
    assert select_rows(ROWS, where) == [ROWS[place] for place in places]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("attack", "--where attack: write it as COLUMN=VALUE"),
        ("=fgsm", "write it as COLUMN=VALUE"),
        ("atack=fgsm", "--where atack: neither a column nor a setting.*did you mean 'attack'"),
        ("train={epochs: 2}", "a section is no value"),
        ("attack=[", "--where attack="),
        ("attack_eps>many", "--where attack_eps>many: 'many' is not a number"),
    ],
)
def test_a_mistake_is_told(text: str, message: str) -> None:
    with pytest.raises(UsageError, match=message):
        parse_where([text])


def test_a_column_has_values_or_limits() -> None:
    with pytest.raises(UsageError, match="--where attack_steps=5: a column has either values or limits"):
        parse_where(["attack_steps>2", "attack_steps=5"])
    with pytest.raises(UsageError, match=r"^--where attack_steps > 5 and < 7: no trial has it; there are 5, 10$"):
        select_rows(ROWS, parse_where(["attack_steps>5", "attack_steps<7"]))


def test_budgets_of_several_norms_have_no_common_limit() -> None:
    rows = [*ROWS, row({"name": "pgd", "norm": "l2", "eps": 0.5}, 100), row({"name": "ddn"}, 0)]
    with pytest.raises(UsageError) as raised:
        select_rows(rows, parse_where(["attack_eps>6/255"]))
    assert str(raised.value) == (
        "--where attack_eps > 0.0235294: budgets of l2, linf are in units of their own; add --where attack_norm=NORM"
    )
    assert select_rows(rows, parse_where(["attack_eps>6/255", "attack_norm=linf"])) == [ROWS[0]]
    assert select_rows(rows, parse_where(["attack_eps>0.3", "attack=[pgd, ddn]"])) == [rows[3]]
    assert select_rows(rows, parse_where(["attack_eps=8/255"])) == [ROWS[0]], "a value is one of its own unit"


def test_a_selection_of_nothing_says_what_there_is() -> None:
    with pytest.raises(UsageError, match=r"^--where attack_steps=7: no trial has it; there are 5, 10$"):
        select_rows(ROWS, {"attack": "ifgsm", "attack_steps": 7})
    with pytest.raises(UsageError, match=r"^--where attack_surrogate=\*: no trial has it; there are null$"):
        select_rows(ROWS, {"attack_surrogate": "*"})
    with pytest.raises(UsageError, match=r"attack_eps=8/255 attack_steps=5: no trial has all of this together"):
        select_rows(ROWS, {"attack_eps": "8/255", "attack_steps": 5})
    assert select_rows([], {"attack_steps": 7}) == []
