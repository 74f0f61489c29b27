"""Attacks that belong together, and curves along their budgets."""

from __future__ import annotations

from pathlib import Path

import pytest

from orchestrator.report.analysis.attack_families import (
    compute_security_curves,
    list_curve_families,
    list_families,
    list_grid_families,
)
from orchestrator.report.analysis.studies import group_studies
from orchestrator.report.analysis.study import Study
from tests.support.report_data import WITHOUT_TUNING, made_up


def test_budgets_and_iterations_make_one_family(made_study: Study) -> None:
    (family,) = list_families(made_study)
    assert [round(255 * eps) for eps in family.budgets] == [8, 16, 32]
    assert family.steps == [1, 10]
    assert family.label == "ifgsm, 10 steps"
    assert family.unit == "eps, linf, pixels of [0, 1]"
    assert list_curve_families(made_study) == list_grid_families(made_study) == [family]


def test_two_attacks_are_two_families_and_one_budget_makes_no_curve(tmp_path: Path) -> None:
    grids = [
        {"name": "ifgsm", "eps": {"grid_search": ["8/255", "16/255"]}, "steps": 5},
        {"name": "fgsm", "eps": "8/255"},
    ]
    content = {**WITHOUT_TUNING, "attack": {"grid_search": grids}}
    (study,) = group_studies(made_up(tmp_path, content, images=False).rows())
    assert [family.label.split(",")[0] for family in list_families(study)] == ["ifgsm", "fgsm"]
    assert [family.label.split(",")[0] for family in list_curve_families(study)] == ["ifgsm"]
    assert list_grid_families(study) == []


def test_a_curve_begins_at_clean_accuracy_and_takes_the_attack_with_the_most_iterations(made_study: Study) -> None:
    curve = compute_security_curves(made_study, list_families(made_study)[0])[
        "pruning ratio 0, no adversarial fine-tuning"
    ]
    assert [round(255 * eps) for eps, _ in curve] == [0, 8, 16, 32]
    known = [e for e in made_study.measured.values() if e.configuration.label.startswith("pruning ratio 0, no adv")]
    strong = {e.threat.eps: e.mean[1] for e in known if e.threat.steps == 10}
    assert [accuracy for _, accuracy in curve] == pytest.approx(
        [known[0].mean[0], *(strong[eps] for eps in sorted(strong, key=lambda eps: eps or 0))]
    )


def test_a_model_that_lacks_a_budget_has_no_curve(tmp_path: Path) -> None:
    (study,) = group_studies(made_up(tmp_path, images=False, finished=lambda place: place > 0).rows())
    curves = compute_security_curves(study, list_families(study)[0])
    assert len(curves) == 10, "two other seeds have the budget"
    rows = [
        row
        for row in study.rows
        if not (row["lambda"] is None and row["pruning_ratio"] == 0 and row["attack_eps"] > 0.1)
    ]
    (study,) = group_studies(rows)
    assert len(compute_security_curves(study, list_families(study)[0])) == 9
