"""The rows that bars show, worked out by hand."""

from __future__ import annotations

import json
from typing import Any

import pytest

from orchestrator.report.analysis.budget_bars import list_bars, name_attacks
from orchestrator.report.analysis.studies import group_studies
from orchestrator.report.analysis.study import Study
from orchestrator.report.analysis.tables import build_study_tables
from tests.support.rows import row


def make_row(attack: dict[str, Any], robust: int, seed: int = 0, **more: Any) -> dict[str, Any]:
    made = row(attack, robust)
    config = json.loads(made["config"]) | {"seed": seed}
    place = {"trial_id": f"{made['trial_id']}-{seed}", "config": json.dumps(config), "seed": seed}
    return made | place | more


def make_ifgsm(eps: str, steps: int, robust: int, seed: int = 0, **more: Any) -> dict[str, Any]:
    return make_row({"name": "ifgsm", "eps": eps, "steps": steps}, robust, seed, **more)


def make_study(rows: list[dict[str, Any]]) -> Study:
    (study,) = group_studies(rows)
    return study


def test_bars_of_one_attack_ascend_with_its_budgets_at_the_most_iterations() -> None:
    study = make_study([
        make_ifgsm("16/255", 5, 100, verdict="suspicious", verdict_reason="why"), make_ifgsm("4/255", 20, 600),
        make_ifgsm("4/255", 20, 700, seed=1, verdict="ok", verdict_reason=None), make_ifgsm("4/255", 5, 800),
        make_ifgsm("0", 5, 950),
    ])  # fmt: skip
    assert list(name_attacks(study).values()) == ["4/255", "16/255"]
    found = list_bars(study, build_study_tables(study), ("robust_accuracy", "clean_accuracy"))
    label = study.configurations[0].label
    shown = [(bar["attack"], bar["order"], bar["model"], bar["rate"], bar["seeds"], bar["verdict"], bar["reason"])
             for bar in sorted(found, key=lambda bar: (bar["rate"], bar["order"]))]  # fmt: skip
    assert shown == [
        ("4/255", 0, label, "clean accuracy", 2, "-", ""), ("16/255", 1, label, "clean accuracy", 1, "-", ""),
        ("4/255", 0, label, "robust accuracy", 2, "ok", ""),
        ("16/255", 1, label, "robust accuracy", 1, "suspicious", "why"),
    ]  # fmt: skip
    bar = next(bar for bar in found if (bar["rate"], bar["order"]) == ("robust accuracy", 0))
    spread = 0.1 / 2**0.5
    assert (bar["mean"], bar["low"], bar["high"]) == pytest.approx((0.65, 0.65 - spread, 0.65 + spread))
    assert bar["text"] == "65.00 ± 7.07 %"
    assert [bar["rate"] for bar in found][:2] == ["robust accuracy"] * 2, "in the order that was asked for"


def test_attacks_of_several_families_bear_their_names() -> None:
    study = make_study([make_ifgsm("8/255", 5, 100), make_row({"name": "jsma"}, 300)])
    assert sorted(name_attacks(study).values()) == sorted(threat.label for threat in study.threats)
    alone = make_study([make_row({"name": "jsma"}, 300)])
    assert list(name_attacks(alone).values()) == [alone.threats[0].label], "it has no budget to be called by"
