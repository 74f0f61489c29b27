"""Which verdict the worst case over the attacks of a budget bears."""

from __future__ import annotations

import json
from typing import Any

import pytest

from orchestrator.results.checks.upper_bound import LOWEST
from orchestrator.results.checks.verdict import OK, SUSPICIOUS, UPPER_BOUND
from orchestrator.results.headline import find_best
from orchestrator.results.worst_case_verdict import judge_worst_case, list_decisive_attacks
from tests.support.rows import ifgsm, row

Said = dict[str, str]


def judged(made: dict[str, Any], said: Said, reason: str | None = None) -> dict[str, Any]:
    worst = max(said.values(), key=[OK, UPPER_BOUND, SUSPICIOUS].index)
    return made | {"verdict": worst, "verdict_reason": reason, "verdicts": json.dumps(said)}


def square(robust: int, said: Said) -> dict[str, Any]:
    return judged(row({"name": "square", "eps": "8/255"}, robust), said)


@pytest.mark.parametrize(
    ("walk", "said", "verdict"),
    [
        (300, {"attack has converged": UPPER_BOUND}, UPPER_BOUND),
        (320, {"attack has converged": UPPER_BOUND, LOWEST: UPPER_BOUND}, UPPER_BOUND),
        (320, {"loss rises": OK, LOWEST: UPPER_BOUND}, OK),
    ],
    ids=["a tie", "the strongest along the gradient", "what all together leave is lower than its own number"],
)
def test_attacks_that_a_worst_case_rests_on_give_it_their_verdict(walk: int, said: Said, verdict: str) -> None:
    """A search without gradients that leaves as little and is fine does not stand for the gradient that is not."""
    rows = [square(300, {"attack has converged": OK}), judged(ifgsm("8/255", 10, walk), said, "add steps")]
    assert judge_worst_case(rows) == (verdict, "add steps" if verdict == UPPER_BOUND else None)
    best = find_best(rows)
    assert best is not None
    assert best.doubt == (verdict if verdict == UPPER_BOUND else None)


def test_a_weaker_run_along_the_gradient_says_nothing_of_the_worst_case() -> None:
    weak, strong = (
        judged(ifgsm("8/255", 5, 500), {"loss rises": SUSPICIOUS}),
        judged(ifgsm("8/255", 10, 300), {"a": OK}),
    )
    assert judge_worst_case([weak, strong]) == (OK, None)


def test_a_longer_run_that_leaves_as_many_settles_what_the_shorter_one_asks() -> None:
    short = judged(ifgsm("8/255", 10, 300), {"attack has converged": UPPER_BOUND}, "add steps")
    long = judged(ifgsm("8/255", 20, 300), {"attack has converged": OK})
    assert judge_worst_case([short, long]) == judge_worst_case([long, short]) == (OK, None)


def test_an_attack_that_does_not_know_of_the_defence_is_left_out_beside_one_that_does() -> None:
    seeing = judged(ifgsm("8/255", 10, 300), {"adaptive attack": OK})
    blind = judged(ifgsm("8/255", 10, 300), {"adaptive attack": SUSPICIOUS}, "no")
    config = json.loads(blind["config"])
    config["attack"]["adaptive"] = False
    blind |= {"config": json.dumps(config), "transformations": "jpeg", "trial_id": "blind"}
    seeing |= {"transformations": "jpeg"}
    assert list_decisive_attacks([blind, seeing]) == [seeing]
    assert judge_worst_case([blind, seeing]) == (OK, None)
    assert judge_worst_case([blind]) == (SUSPICIOUS, "no"), "alone it is all there is"


def test_before_the_checks_have_run_nothing_is_said() -> None:
    assert judge_worst_case([ifgsm("8/255", 10, 300)]) == (None, None)
