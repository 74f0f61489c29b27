"""Colours that recur, and the ticks of budgets."""

from __future__ import annotations

from orchestrator.report.analysis.groups import Groups
from orchestrator.report.figures.encodings import PALETTE, encode_colour, label_budgets


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
