"""A paper's numbers and claims beside what was measured."""

from __future__ import annotations

from typing import Any

import pytest

from orchestrator.results.reference import compare, compute_prediction_interval
from orchestrator.space.paper import Paper, read_paper
from tests.support.rows import ifgsm


def paper(**content: Any) -> Paper:
    found, mistakes = read_paper(content)
    assert not mistakes
    return found


def test_a_papers_number_agrees_when_it_lies_in_the_interval() -> None:
    reference: list[dict[str, Any]] = [
        {"match": {"attack": "ifgsm", "attack_eps": "8/255"}, "robust_accuracy": 0.21, "source": "near"},
        {"match": {"attack": "ifgsm", "train.epochs": 2}, "robust_accuracy": "1/2", "source": "far"},
        {"match": {"attack": "ifgsm", "prune": None}, "clean_accuracy": 0.5, "source": "absent"},
    ]
    near, far, absent = compare(paper(reference=reference), [ifgsm("8/255", 10, 200)])
    assert near.agreement == "yes"
    assert far.agreement == "no"
    assert absent.agreement == "not measured"
    assert (near.images, near.seeds, near.measured) == (1000, "1", 0.2)
    several = [ifgsm("8/255", 10, 200), ifgsm("8/255", 10, 400), ifgsm("8/255", 10, 600)]
    (noisy,) = compare(paper(reference=reference[1:2]), several)
    assert noisy.agreement == "within seeds"
    low, high = compute_prediction_interval([0.2, 0.4, 0.6]) or (0.0, 0.0)
    assert (high - low) / 2 == pytest.approx(4.302653 * 0.2 * (4 / 3) ** 0.5, abs=1e-6)  # t with 2 degrees of freedom


@pytest.mark.parametrize(
    ("weak", "strong", "agreement", "seeds"),
    [
        ([400, 500], [200, 300], "yes", "2 of 2"),
        ([200, 300], [400, 500], "no", "0 of 2"),
        ([410], [400], "cannot tell", "1 of 1"),
        ([900, 290], [200, 300], "not in every seed", "1 of 2"),
        ([], [200, 300], "not measured", "0"),
    ],
)
def test_a_papers_order_holds_beyond_chance_and_in_every_seed(
    weak: list[int], strong: list[int], agreement: str, seeds: str
) -> None:
    claim = {
        "says": "less budget, more robustness",
        "of": "robust_accuracy",
        "higher": {"attack_eps": "4/255"},
        "lower": {"attack_eps": "8/255"},
    }
    rows = [ifgsm("4/255", 10, count) | {"seed": seed} for seed, count in enumerate(weak)]
    rows += [ifgsm("8/255", 10, count) | {"seed": seed} for seed, count in enumerate(strong)]
    (judged,) = compare(paper(claims=[claim]), rows)
    assert (judged.agreement, judged.seeds) == (agreement, seeds)


def test_a_star_matches_whatever_is_not_null() -> None:
    rows = [ifgsm("8/255", 10, 200), ifgsm("8/255", 10, 300) | {"attack_surrogate": "alexnet"}]
    reference = [{"match": {"attack_surrogate": "*"}, "robust_accuracy": 0.3}]
    (found,) = compare(paper(reference=reference), rows)
    assert (found.seeds, found.measured) == ("1", 0.3)
