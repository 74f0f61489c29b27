"""Attacks behind transformations: what does not know of them is named, and knowing of them should help."""

from __future__ import annotations

import json
from typing import Any

import pytest

from orchestrator.results.checks.adaptive import CHECK
from orchestrator.results.checks.verdict import OK, SUSPICIOUS, UPPER_BOUND
from orchestrator.results.image_reader import Robust
from orchestrator.results.verdicts import annotate_rows, check_rows
from tests.support.rows import ifgsm, row, verdicts_of


def defended(adaptive: bool, robust: int, steps: int = 10) -> dict[str, Any]:
    found = row({"name": "ifgsm", "eps": "8/255", "steps": steps}, robust) | {"trial_id": f"adaptive-{adaptive}"}
    found |= {"attack_key": found["trial_id"]}
    settings = json.loads(found["config"]) | {"inference": {"transformations": [{"name": "jpeg"}]}}
    settings["attack"]["adaptive"] = adaptive
    return found | {"transformations": "jpeg", "config": json.dumps(settings)}


def test_an_attack_that_does_not_know_of_the_defence_is_named_and_compared_with_none() -> None:
    blind, seeing = defended(False, 700), defended(True, 100)
    larger = row({"name": "ifgsm", "eps": "16/255", "steps": 10}, 300) | {"transformations": "jpeg"}
    found = check_rows([blind, seeing])
    named = {verdict.verdict: verdict for verdict in found if verdict.check == "adaptive attack"}
    assert named.keys() == {"ok", "suspicious"}
    assert named["suspicious"].trials == (blind["trial_id"],)
    assert named["suspicious"].cause.endswith("set attack.adaptive: true")
    budgets = [each for each in check_rows([blind, larger]) if each.check == "more budget >= less"]
    assert {each.verdict for each in budgets} == {"not tested"}
    assert not [each for each in check_rows([ifgsm("8/255", 10, 500)]) if each.check == "adaptive attack"]


def judge(knowing: int, ignorant: int) -> tuple[str, ...]:
    """The verdicts of an attack that knows of the defence beside one that leaves so many: by counts, and where all the
    images that withstand the one withstand the other too."""
    rows = [defended(True, knowing), defended(False, ignorant)]
    images: dict[str, Robust] = {
        each["trial_id"]: {place: place < each["robust_correct"] for place in range(1000)} for each in rows
    }
    found = [
        each
        for read in (lambda _: None, lambda row: images[row["attack_key"]])
        for each in check_rows(rows, read)
        if each.check == CHECK
    ]
    assert {each.trials for each in found} == {(rows[0]["trial_id"],)}
    return tuple(each.verdict for each in found)


@pytest.mark.parametrize(
    ("knowing", "ignorant", "verdicts"),
    [
        (100, 700, (OK, OK)),
        (310, 300, (OK, OK)),
        (311, 300, (UPPER_BOUND, SUSPICIOUS)),
        (400, 300, (SUSPICIOUS, SUSPICIOUS)),
    ],
)
def test_knowing_of_the_defence_helps(knowing: int, ignorant: int, verdicts: tuple[str, ...]) -> None:
    assert judge(knowing, ignorant) == verdicts


def test_one_image_more_among_few_is_the_draw() -> None:
    few = {"examples": 20}
    for more, verdict in ((1, OK), (2, UPPER_BOUND)):
        rows = [defended(True, 5 + more) | few, defended(False, 5) | few]
        assert verdicts_of(CHECK, check_rows(rows)) == {verdict}


def test_only_the_same_attack_is_compared() -> None:
    assert verdicts_of(CHECK, check_rows([defended(True, 500, steps=20), defended(False, 300)])) == set()
    assert verdicts_of(CHECK, check_rows([ifgsm("8/255", 10, 500), ifgsm("8/255", 20, 300)])) == set()


def test_nobody_is_sent_to_an_adaptive_attack_that_leaves_more() -> None:
    seeing, blind = annotate_rows([defended(True, 500), defended(False, 150)])
    assert blind["verdict"] == SUSPICIOUS
    assert blind["verdict_reason"] == (
        "not adaptive: the attack does not know of the defence; where it does it leaves more, 50.0%: "
        "add an attack without gradients (jpeg: not seen by ifgsm)"
    )
    assert seeing["verdict"] == SUSPICIOUS
    assert seeing["verdict_reason"].endswith("(ifgsm eps 8/255, adaptive: 50.0%; not adaptive: 15.0%)")
