"""The band between certificate and attack: over budgets and pruning ratios, lower below upper, nothing mixed."""

from __future__ import annotations

import json
from typing import Any

import pytest

from orchestrator.report.analysis.certificate_table import build_certificate_tables
from orchestrator.report.analysis.certified import list_bands
from orchestrator.report.analysis.studies import group_studies
from orchestrator.report.analysis.study import Study
from orchestrator.report.figures.certified_band import draw_certified_band
from tests.support.drawn_marks import read_marks
from tests.support.rows import row

SMOOTHED = "noise(sigma 0.25) by vote"


def make_study(
    ratios: tuple[float, ...] = (0.0, 0.4), seeds: tuple[int, ...] = (0, 1), attacked: str | None = SMOOTHED
) -> Study:
    """Models whose certified and attacked images follow from budget, ratio and seed."""
    rows = []
    for ratio in ratios:
        for seed in seeds:
            for eps, robust in ((0.25, 800), (0.5, 600)):
                lost = int(100 * ratio) + 10 * seed
                rows.append(
                    _make_row({"name": "pgd", "norm": "l2", "eps": eps, "steps": 5}, robust - lost, ratio, seed)
                )
                rows[-1]["transformations"] = attacked
                smoothing = {"name": "randomized_smoothing", "sigma": 0.25, "eps": eps}
                rows.append(_make_row(smoothing, robust - 200 - lost, ratio, seed))
    (study,) = group_studies(rows)
    return study


def _make_row(attack: dict[str, Any], robust: int, ratio: float, seed: int) -> dict[str, Any]:
    made = row(attack, robust)
    config = json.loads(made["config"]) | {"seed": seed, "prune": {"ratio": ratio}}
    place = {"trial_id": f"{made['trial_id']}-{ratio}-{seed}", "attack_key": f"{made['attack_key']}-{ratio}-{seed}"}
    return made | place | {"seed": seed, "pruning_ratio": ratio, "config": json.dumps(config)}


def test_a_band_goes_from_what_is_certified_to_what_withstands() -> None:
    bands = list_bands(make_study())
    assert [(band["ratio"], band["eps"]) for band in bands] == [(0, 0.25), (0, 0.5), (0.4, 0.25), (0.4, 0.5)]
    assert [band["lower"] for band in bands] == pytest.approx([0.595, 0.395, 0.555, 0.355])
    assert [band["upper"] for band in bands] == pytest.approx([0.795, 0.595, 0.755, 0.555])


def test_certificates_stand_among_no_attacks_of_a_study() -> None:
    study = make_study()
    assert {threat.row["attack"] for threat in study.threats} == {"pgd"}
    assert {row["bound"] for row in study.rows} == {"upper"}
    assert len(study.certificates) == len(study.rows) == 8


def test_a_panel_over_the_budget_and_one_over_the_ratio_for_each_budget() -> None:
    figure = draw_certified_band(make_study())
    assert figure is not None
    assert [panel.title for panel in figure.panels] == ["over the budget, l2", "l2, eps 0.25", "l2, eps 0.5"]
    says = [mark.says["certified to attacked"] for mark in read_marks(figure, "bands") if mark.panel == 2]
    assert sorted(says) == ["35.5% to 55.5%"] * 2 + ["39.5% to 59.5%"] * 2


def test_a_certified_vote_makes_no_band_with_attacks_on_the_bare_model() -> None:
    study = make_study(attacked=None)
    assert list_bands(study) == []
    (table,) = build_certificate_tables([*study.rows, *study.certificates])
    assert [line[-2:] for line in table.lines] == [("59.50 ± 0.71", "39.50 ± 0.71"), ("55.50 ± 0.71", "35.50 ± 0.71")]


def test_without_an_attack_there_is_no_upper_end_and_without_certificates_no_figure() -> None:
    study = make_study()
    alone = [row for row in (*study.rows, *study.certificates) if row["attack_eps"] == 0.25 or row["bound"] == "lower"]
    (found,) = group_studies(alone)
    assert {band["upper"] for band in list_bands(found) if band["eps"] == 0.5} == {None}
    assert draw_certified_band(found) is not None
    assert draw_certified_band(group_studies(study.rows)[0]) is None


def make_linf_rows(budgets: tuple[float, ...]) -> list[dict[str, Any]]:
    """What interval bounds certify and PGD leaves in the other norm, of the models without transformations."""
    rows = []
    for ratio in (0.0, 0.4):
        for eps in budgets:
            lost = int(100 * ratio + 1000 * eps)
            rows += [_make_row({"name": "pgd", "eps": eps, "steps": 5}, 900 - lost, ratio, 0),
                     _make_row({"name": "interval_bounds", "eps": eps}, 500 - lost, ratio, 0)]  # fmt: skip
    return rows


def test_norms_stand_apart_and_nothing_is_over_a_budget_of_zero_alone() -> None:
    study = make_study(ratios=(0.0, 0.4), seeds=(0,), attacked=None)
    l2 = [row | {"transformations": None} for row in (*study.rows, *study.certificates)]
    (both,) = group_studies([*make_linf_rows((0.0, 0.1)), *l2])
    figure = draw_certified_band(both)
    assert figure is not None
    titles = [panel.title for panel in figure.panels]
    assert titles[-3:] == ["l2, eps 0.5", "over the budget, linf", "linf, eps 0.1"], (
        "none at eps 0: nothing is attacked"
    )
    for panel, budget in ((len(titles) - 2, None), (len(titles) - 1, "0.1")):
        marks = [mark for mark in read_marks(figure, "bands") if mark.panel == panel]
        assert marks
        for mark in marks:
            lower, upper = mark.says["certified to attacked"].split(" to ")
            assert budget is None or mark.says["eps"] == budget
            if mark.says["eps"] == "0.1":
                assert (lower, upper) in {("40.0%", "80.0%"), ("36.0%", "76.0%")}


def test_over_a_single_budget_there_is_the_pruning_ratio_or_a_single_point() -> None:
    for ratios in (0.0, 0.4), (0.4,):
        rows = [row for row in make_linf_rows((0.1,)) if row["pruning_ratio"] in ratios]
        (study,) = group_studies(rows)
        figure = draw_certified_band(study)
        assert figure is not None
        assert [panel.title for panel in figure.panels] == ["linf, eps 0.1"]
        assert figure.panels[0].spec["layer"][0]["encoding"]["x"]["axis"]["values"] == list(ratios)


def test_there_are_twelve_panels_at_most() -> None:
    (study,) = group_studies(make_linf_rows(tuple(n / 50 for n in range(1, 15))))
    figure = draw_certified_band(study)
    assert figure is not None
    assert [panel.title for panel in figure.panels][::11] == ["over the budget, linf", "linf, eps 0.22"]
    assert len(figure.panels) == 12
