"""Colours that recur, and the ticks of budgets."""

from __future__ import annotations

import pytest

from orchestrator.report.analysis.groups import Groups
from orchestrator.report.figures.encodings import (
    PALETTE,
    encode_colour,
    encode_dash,
    encode_measures,
    encode_shape,
    label_budgets,
    wrap_title,
)


def test_colours_begin_anew_where_they_end_and_one_level_has_no_legend() -> None:
    levels = tuple(f"level {number}" for number in range(len(PALETTE) + 2))
    found = encode_colour(Groups("lambda", levels, {}))
    assert found["scale"]["domain"] == list(levels)
    assert found["scale"]["range"] == [*PALETTE, *PALETTE[:2]]
    assert found["legend"] == {"title": "lambda"}
    assert encode_colour(Groups("lambda", levels[:1], {}))["legend"] is None


def test_many_budgets_are_not_all_named() -> None:
    assert label_budgets([n / 255 for n in range(30)]) == {"labelExpr": "round(255 * datum.value) + '/255'"}
    assert label_budgets([n / 100 for n in range(30)]) == {}
    assert label_budgets([0.0, 0.3])["values"] == [0.0, 0.3]
    assert "'0.3'" in label_budgets([0.0, 0.3])["labelExpr"]


def test_nine_budgets_are_named_each_and_ten_are_not() -> None:
    whole = [n / 255 for n in range(10)]
    assert label_budgets(whole[:9])["values"] == whole[:9]
    assert label_budgets(whole) == {"labelExpr": "round(255 * datum.value) + '/255'"}
    assert label_budgets([*whole[:9], 0.3]) == {}, "one of them is no 255th"
    assert label_budgets([0.0, 0.25]) == {
        "values": [0.0, 0.25],
        "labelExpr": "abs(datum.value - 0.0) < 1e-9 ? '0' : abs(datum.value - 0.25) < 1e-9 ? '0.25' : ''",
        "labelOverlap": True,
    }


@pytest.mark.parametrize(
    ("title", "lines"),
    [
        ("x" * 30 + " " + "y" * 7, "x" * 30 + " " + "y" * 7),
        ("x" * 30 + " " + "y" * 8, ["x" * 30, "y" * 8]),
        ("", ""),
    ],
)
def test_the_title_of_a_legend_is_broken_after_38_letters(title: str, lines: str | list[str]) -> None:
    assert wrap_title(title) == lines


def test_shapes_and_dashes_tell_the_same_groups_apart() -> None:
    groups = Groups("eps_train", ("8/255", "16/255"), {})
    shape, dash = encode_shape(groups), encode_dash(groups)
    for found, looks in ((shape, ["circle", "square"]), (dash, [[1, 0], [6, 3]])):
        assert (found["field"], found["scale"]) == ("s", {"domain": ["8/255", "16/255"], "range": looks})
    assert encode_colour(groups)["field"] == "g"
    assert encode_measures("when", ["clean", "adversarial"])["scale"] == {
        "domain": ["clean", "adversarial"], "range": ["#4269d0", "#e8833a"]
    }  # fmt: skip
