"""Budgets in pixels, whichever unit they were written in, by hand; and what each view calls them."""

from __future__ import annotations

import json
from typing import Any

import pytest

from orchestrator.report.analysis.studies import group_studies
from orchestrator.results.checks.upper_bound import LOWEST
from orchestrator.results.checks.verdict import OK, SUSPICIOUS, UPPER_BOUND
from orchestrator.results.eps import format_row_eps, measure_eps
from orchestrator.results.headline import describe_best, find_best
from orchestrator.results.presentation import Selection, render_rows
from orchestrator.results.verdicts import annotate_rows, check_rows
from orchestrator.results.worst_case import list_worst_cases
from tests.support.rows import row, verdicts_of


def attack(name: str, eps: float, robust: int, space: str = "normalized", std: float | None = 0.25) -> dict[str, Any]:
    made = row({"name": name, "eps": eps}, robust)
    config = json.loads(made["config"])
    config["model"]["std"], config["attack"]["eps_space"] = std, space
    own = f"{made['trial_id']}-{space}"
    return made | {"attack_eps_space": space, "config": json.dumps(config), "trial_id": own, "attack_key": own}


@pytest.mark.parametrize(
    ("eps", "space", "std", "pixels", "text"),
    [
        (32 / 255, "normalized", 0.25, 8 / 255, "8/255 (normalized 32/255)"),
        (32 / 255, "normalized", None, 16 / 255, "16/255 (normalized 32/255)"),
        (8 / 255 / 0.2471, "normalized", 0.2471, 8 / 255, "8/255 (normalized 0.127)"),
        (0.1, "normalized", 0.25, 0.025, "0.025 (normalized 0.1)"),
        (8 / 255, "pixel", 0.25, 8 / 255, "8/255"),
    ],
)
def test_a_budget_is_measured_in_pixels(eps: float, space: str, std: float | None, pixels: float, text: str) -> None:
    found = attack("fgsm", eps, 500, space, std)
    assert measure_eps(found) == pixels
    assert format_row_eps(found) == text


def test_what_has_no_budget_has_none_in_pixels() -> None:
    assert measure_eps({**attack("fgsm", 0.1, 500), "attack_eps": None}) is None
    assert measure_eps({**attack("fgsm", 0.1, 500), "attack_eps": 0.0}) == 0


STRONG, WEAK, ALIKE = (
    attack("ifgsm", 32 / 255, 300),
    attack("fgsm", 8 / 255, 500, "pixel"),
    attack("mifgsm", 8 / 255, 400),
)
"""STRONG and WEAK may go equally far, 8/255 of a pixel; ALIKE is written as WEAK is, and goes a quarter as far."""


def test_equal_budgets_in_pixels_are_one_budget_whatever_they_were_written_in() -> None:
    rows = [STRONG, WEAK, ALIKE]
    found = {each.trials[0]: each.verdict for each in check_rows(rows) if each.check == LOWEST}
    assert (found[WEAK["trial_id"]], found[STRONG["trial_id"]]) == (UPPER_BOUND, OK)
    columns, lines = list_worst_cases(annotate_rows(rows))
    named = [dict(zip(columns, line, strict=True)) for line in lines]
    assert [
        (line["attack_eps"], line["attack_eps_space"], line["eps_in_pixels"], line["attacks"], line["robust_correct"])
        for line in named
    ] == [(8 / 255, "normalized", 2 / 255, 1, 400), (8 / 255, "pixel", 8 / 255, 2, 300)]
    assert "eps_in_pixels" not in list_worst_cases([WEAK])[0]


def test_every_view_says_a_budget_in_pixels_and_as_it_was_written() -> None:
    best = find_best([STRONG, WEAK])
    assert best is not None
    assert describe_best(best).endswith("the strongest of 2 attacks of linf eps 8/255)")
    text = render_rows([STRONG, WEAK, ALIKE], [STRONG, WEAK, ALIKE], "table", Selection())
    heading = text.splitlines()[2]
    for label in ("fgsm 8/255", "ifgsm 8/255 (normalized 32/255)", "mifgsm 2/255 (normalized 8/255)"):
        assert f"  {label}" in heading
    alone = render_rows([ALIKE], [ALIKE], "table", Selection())
    assert "2/255 (normalized 8/255)" in alone.splitlines()[2], "where all are written so, too"
    long = render_rows([ALIKE], [ALIKE], "table", Selection(long=True))
    assert "attack_eps 2/255 (normalized 8/255)" in long.splitlines()[0]
    (study,) = group_studies([STRONG, WEAK, ALIKE])
    labels = sorted(threat.label.split(", ")[1] for threat in study.threats)
    assert labels == ["eps 2/255 (normalized 8/255)", "eps 8/255", "eps 8/255 (normalized 32/255)"]


def test_checks_compare_budgets_in_pixels() -> None:
    """Noise of 8/255 fools more than a walk of 32 units that is as far, and says nothing of one of 8 units."""
    noise = attack("uniform", 8 / 255, 100, "pixel")
    assert verdicts_of("white-box >= noise", check_rows([STRONG, noise])) == {SUSPICIOUS}
    assert SUSPICIOUS not in verdicts_of("white-box >= noise", check_rows([attack("ifgsm", 8 / 255, 300), noise]))
