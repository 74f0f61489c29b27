"""Lines of results: sorted, cut and printed."""

from __future__ import annotations

from dataclasses import replace

import pytest

from orchestrator.results.listing import Column, Listing
from tasks.errors import UsageError

LISTING = Listing(
    [
        Column("pruning_ratio", "pruned"),
        Column("accuracy", "clean on 9", measured=True, short="clean"),
        Column("hidden", None),
    ],
    [((0.5, 0.7, "b"), ("0.5", "70 %")), ((0.0, None, "c"), ("0", "-")), ((0.25, 0.9, None), ("0.25", "90 %"))],
    left_out=2,
    unit="models",
)


@pytest.mark.parametrize(
    ("asked", "order"),
    [
        ("pruned", [0.0, 0.25, 0.5]),
        ("-pruning_ratio", [0.5, 0.25, 0.0]),
        ("CLEAN", [0.25, 0.5, 0.0]),
        ("-clean", [0.5, 0.25, 0.0]),
        ("clean on 9", [0.25, 0.5, 0.0]),
        ("hidden", [0.5, 0.0, 0.25]),
        ("-hidden", [0.0, 0.5, 0.25]),
    ],
)
def test_what_was_measured_comes_from_the_largest_and_nothing_comes_last(asked: str, order: list[float]) -> None:
    assert [values[0] for values, _ in LISTING.sort(asked).lines] == order


def test_a_column_that_is_not_there_is_told_with_the_nearest() -> None:
    with pytest.raises(
        UsageError, match="--sort pruned_: no column of this table; choose from clean on 9, pruned; did"
    ):
        LISTING.sort("pruned_")


def test_lines_are_cut_and_printed_in_each_form() -> None:
    found = LISTING.sort("pruned").cut(2)
    assert found.render("table").splitlines() == [
        "pruned  clean on 9", "------  ----------", "     0           -", "  0.25        90 %", "... and 3 more models",
    ]  # fmt: skip
    assert found.render("csv").splitlines() == ["pruning_ratio,accuracy,hidden", "0.0,,c", "0.25,0.9,"]
    assert replace(LISTING, left_out=1).render("table").splitlines()[-1] == "... and 1 more model"
    assert LISTING.cut(None).render("table").splitlines()[-1] == "... and 2 more models"
    assert Listing(LISTING.columns, LISTING.lines).render("table").splitlines()[-1].split() == ["0.25", "90", "%"]
