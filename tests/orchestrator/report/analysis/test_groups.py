"""Groups by colour and by shape."""

from __future__ import annotations

from pathlib import Path

from orchestrator.report.analysis.groups import MOST, choose_groups
from orchestrator.report.analysis.studies import group_studies
from orchestrator.report.analysis.study import Study
from tests.support.report_data import GRID, made_up


def test_pruning_has_the_shape_and_all_else_the_colour(made_study: Study) -> None:
    colour, shape = choose_groups(made_study)
    assert (colour.title, shape.title) == ("lambda, eps_train", "pruning ratio")
    assert colour.levels == ("none", "0.5, 8/255", "0.5, 24/255", "0.9, 8/255", "0.9, 24/255")
    assert shape.levels == ("0", "0.4")


def test_what_has_too_many_levels_is_told_apart_by_one_axis(tmp_path: Path) -> None:
    tuned = GRID["adversarial_finetune"]["grid_search"][1]
    budgets = {"grid_search": ["4/255", "8/255", "12/255", "16/255"]}
    tuned = {**tuned, "lambda": {"grid_search": [0.3, 0.5, 0.9]}, "attack": {**tuned["attack"], "eps": budgets}}
    attack = {**GRID["attack"], "eps": "8/255", "steps": 10}
    content = {**GRID, "seed": 0, "prune": None, "adversarial_finetune": tuned, "attack": attack}
    (study,) = group_studies(made_up(tmp_path, content, images=False).rows())
    colour, _ = choose_groups(study)
    assert len(study.configurations) == 12 > MOST
    assert (colour.title, len(colour.levels)) == ("eps_train", 4)
