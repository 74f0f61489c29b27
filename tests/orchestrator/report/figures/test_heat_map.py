"""Budget by iterations."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from orchestrator.report.analysis.selected_configurations import find_baseline, select_configurations
from orchestrator.report.analysis.studies import group_studies
from orchestrator.report.analysis.study import Study
from orchestrator.report.analysis.tables import StudyTables, build_study_tables
from orchestrator.report.figures.heat_map import draw_heat_map
from tests.support.drawn_marks import read_marks, read_numbers
from tests.support.report_data import WITHOUT_TUNING, made_up


def test_each_panel_shows_one_model_cell_by_cell(made_study: Study, made_tables: StudyTables) -> None:
    figure = draw_heat_map(made_study, made_tables, select_configurations(made_study))
    assert figure is not None
    chosen = select_configurations(made_study)
    assert [panel.title for panel in figure.panels] == [configuration.label for configuration in chosen]
    assert chosen[0] is find_baseline(made_study).configuration
    for mark in read_marks(figure, "cells"):
        (entry,) = [
            entry for entry in made_study.measured.values()
            if entry.configuration is chosen[mark.panel]
            and mark.says["eps"] == f"{round(255 * (entry.threat.eps or 0))}/255"
            and mark.says["iterations"] == str(entry.threat.steps)
        ]  # fmt: skip
        assert mark.says["model"] == entry.configuration.label
        assert mark.says["robust accuracy"].startswith(f"{100 * entry.mean[1]:.2f}")


def test_the_number_stands_in_each_cell_and_more_budget_stands_higher(
    made_study: Study, made_tables: StudyTables
) -> None:
    figure = draw_heat_map(made_study, made_tables, select_configurations(made_study))
    assert figure is not None
    known = {
        (entry.threat.eps, entry.threat.steps): f"{round(100 * entry.mean[1])}%"
        for entry in made_study.measured.values()
        if entry.configuration is select_configurations(made_study)[0]
    }
    assert sorted(read_numbers(figure)) == sorted(known.values())
    marks = [mark for mark in read_marks(figure, "cells") if mark.panel == 0]
    top = min(marks, key=lambda mark: mark.item["y"])
    assert top.says["eps"] == "32/255"


def test_no_iterations_no_map(tmp_path: Path) -> None:
    (study,) = group_studies(
        made_up(tmp_path, {**WITHOUT_TUNING, "attack": {"name": "fgsm", "eps": "8/255"}}, images=False).rows()
    )
    assert draw_heat_map(study, build_study_tables(study), study.configurations) is None


def test_each_attack_and_each_rate_has_a_panel_of_the_model_that_it_names(tmp_path: Path) -> None:
    """Two attacks over grids; one that was run at one budget is left out."""
    grid = {"eps": {"grid_search": ["8/255", "32/255"]}, "steps": {"grid_search": [2, 9]}}
    attacks = [{"name": "ifgsm", **grid}, {"name": "pgd", **grid}, {"name": "fgsm", "eps": "8/255"}]
    content = {**WITHOUT_TUNING, "seed": 0, "attack": {"grid_search": attacks}}

    def rule(row: dict[str, Any]) -> tuple[float, float]:
        left = 0.7 - row["attack_eps"] - 0.01 * row["attack_steps"] - 0.25 * (row["attack"] == "pgd")
        return 0.9 - 0.1 * row["pruning_ratio"], left - 0.1 * row["pruning_ratio"]

    (study,) = group_studies(made_up(tmp_path, content, rule=rule, images=False).rows())
    models = study.configurations[::-1]
    figure = draw_heat_map(study, build_study_tables(study), models, ("clean_accuracy", "attack_success_rate"))
    assert figure is not None
    assert (figure.title[:40], figure.columns) == ("Clean accuracy and attack success rate, ", 2)
    assert [panel.title for panel in figure.panels] == [
        f"{attack}: {rate}: pruning ratio {ratio}"
        for attack in ("ifgsm", "pgd") for ratio in ("0.4", "0") for rate in ("clean accuracy", "attack success rate")
    ]  # fmt: skip
    assert [dict(panel.params) for panel in figure.panels] == [
        {f"model{place}": study.configurations.index(models[place // 2 % 2])} for place in range(8)
    ]
    for mark in read_marks(figure, "cells"):
        attack, rate = figure.panels[mark.panel].title.split(": ")[:2]
        (row,) = [
            row for row in study.rows
            if row["attack"] == attack and f"pruning ratio {row['pruning_ratio']:g}" == mark.says["model"]
            and f"{round(255 * row['attack_eps'])}/255" == mark.says["eps"]
            and str(row["attack_steps"]) == mark.says["iterations"]
        ]  # fmt: skip
        assert mark.says["model"] in figure.panels[mark.panel].title
        assert mark.says[rate].startswith(f"{100 * row[rate.replace(' ', '_')]:.2f}")
    assert len(read_marks(figure, "cells")) == 8 * 4
