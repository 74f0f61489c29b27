"""The pivot in words and numbers, from a pivot that is made by hand."""

from __future__ import annotations

from typing import Any

import pytest

from orchestrator.results.checks.verdict import OK, SUSPICIOUS, UPPER_BOUND, Verdict
from orchestrator.results.pivot import Pivot, PivotLine, Threat
from orchestrator.results.pivot_listing import describe_pivot, format_number, list_pivot
from orchestrator.results.tradeoff import AXES
from orchestrator.results.verdict_notes import VerdictNotes

BLANK: dict[str, Any] = dict.fromkeys(AXES)


def make_row(name: str, seed: int, clean: float, robust: float, **more: Any) -> dict[str, Any]:
    made = {"trial_id": name, "seed": seed, "clean_accuracy": clean, "robust_accuracy": robust, "examples": 100,
            "dataset": "digits", "model": "resnet8", "attack": "pgd", "attack_norm": "linf", "attack_steps": 10,
            "bound": "upper", "only_correct": False, "verdict": OK, "eps_train": 8 / 255}  # fmt: skip
    return BLANK | made | more


WEAK, STRONG = Threat("4/255", "pgd linf 4/255"), Threat("8/255", "pgd linf 8/255")
FIRST = [make_row("a", 0, 0.9, 0.5), make_row("b", 1, 0.8, 0.3, verdict=UPPER_BOUND, examples=200)]
SECOND = [make_row("c", 2, 0.7, 0.25, attack_steps=1, verdict=None)]
PIVOT = Pivot(
    ["pruning_ratio"],
    {("w",): WEAK, ("s",): STRONG},
    [PivotLine([0.4], FIRST, {("w",): FIRST, ("s",): SECOND}), PivotLine([None], SECOND, {("w",): SECOND})],
    [*FIRST, *SECOND],
)


def test_each_line_has_its_settings_seeds_images_numbers_and_verdicts() -> None:
    notes = VerdictNotes([Verdict("noise", SUSPICIOUS, "f", "p", ("b",))])
    listing = list_pivot(PIVOT, notes)
    assert [column.name for column in listing.columns] == [
        "pruning_ratio", "seeds", "images", "clean_accuracy", "clean_accuracy_deviation",
        "robust_accuracy pgd linf 4/255", "robust_accuracy_deviation pgd linf 4/255", "verdict pgd linf 4/255",
        "robust_accuracy pgd linf 8/255", "robust_accuracy_deviation pgd linf 8/255", "verdict pgd linf 8/255",
    ]  # fmt: skip
    assert [column.heading for column in listing.columns if column.heading] == [
        "pruned", "seeds", "images", "clean", "4/255", "8/255 on 100",
    ]  # fmt: skip
    assert [column.heading for column in listing.columns if column.measured] == ["clean", "4/255", "8/255 on 100"]
    (first, shown), (second, dashed) = listing.lines
    deviation = pytest.approx(0.1 / 2**0.5)
    assert list(first) == [
        0.4, 3, 200, pytest.approx(0.85), deviation, pytest.approx(0.4), pytest.approx(0.2 / 2**0.5), UPPER_BOUND, 0.25,
        None, "-",
    ]  # fmt: skip
    assert shown == ["0.4", "3", "200", "85.00 ± 7.07", "40.00 ± 14.14 !a", "25.00"]
    assert list(second) == [None, 1, 100, 0.7, None, 0.25, None, "-", None, None, None]
    assert dashed == ["-", "1", "100", "70.00", "25.00", "-"]
    assert listing.unit == "lines"
    assert format_number([], "clean_accuracy") == "-"


def test_what_never_changes_and_what_the_numbers_are_stand_above() -> None:
    spread = "mean ± standard deviation over seeds"
    assert list(describe_pivot(PIVOT)) == [
        "dataset digits, model resnet8, eps_train 8/255",
        f"% of the test images: clean, and robust under pgd linf (1 to 10 steps), {spread}",
    ]


def describe(*rows: dict[str, Any]) -> str:
    """Of one seed, what its numbers are."""
    pivot = Pivot([], {("w",): WEAK}, [PivotLine([], rows, {("w",): rows})], rows)
    (*_, last) = describe_pivot(pivot)
    return last.removeprefix("% of the test images: ")


def test_attacks_and_certificates_are_told_apart() -> None:
    one = make_row("a", 0, 0.9, 0.5, attack_steps=1)
    free = make_row("b", 0, 0.9, 0.5, attack="deepfool", attack_norm=None, attack_steps=None)
    certified = make_row("c", 0, 0.9, 0.5, attack="smoothing", bound="lower")
    assert describe(one) == "clean, and robust under pgd linf (1 step)"
    assert describe(one, free) == "clean, and robust under deepfool, pgd linf (1 step)"
    assert describe(certified) == "clean, and certified by smoothing"
    assert describe(one, certified) == (
        "clean, and robust under pgd linf (1 step) (an upper bound), and certified by smoothing (a lower bound)"
    )
    bare = Pivot([], {}, [], [one | {"dataset": None, "model": None, "eps_train": None}])
    assert list(describe_pivot(bare)) == ["% of the test images: clean"]
