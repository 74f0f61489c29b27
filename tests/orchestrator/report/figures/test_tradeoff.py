"""Clean against robust accuracy."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from orchestrator.report.analysis.studies import group_studies
from orchestrator.report.analysis.study import Study
from orchestrator.report.analysis.tables import StudyTables, build_study_tables
from orchestrator.report.figures.figure import Figure
from orchestrator.report.figures.tradeoff import draw_tradeoff
from tests.support.drawn_marks import read_marks
from tests.support.report_data import GRID, WITHOUT_TUNING, made_up


def test_means_and_trials_are_those_of_the_headline_attack(made_study: Study, made_tables: StudyTables) -> None:
    figure = draw_tradeoff(made_study, made_tables)
    means, trials = read_marks(figure, "means"), read_marks(figure, "trials")
    under = made_study.under(made_study.headline)
    assert (len(means), len(trials)) == (10, 30)
    known = {", ".join(row["trial_id"] for row in entry.rows): entry for entry in under}
    for mark in means:
        entry = known[mark.says["trials"]]
        assert mark.says["clean accuracy"].startswith(f"{100 * entry.mean[0]:.2f} ±")
        assert float(mark.says["robust accuracy"].removesuffix("%")) == pytest.approx(100 * entry.mean[1])
        assert mark.says["pruning ratio"] == f"{entry.rows[0]['pruning_ratio']:g}"
    by_id = {row["trial_id"]: row for row in made_study.rows}
    for mark in trials:
        assert mark.says["robust of images"] == f"{by_id[mark.says['trial']]['robust_correct']} of 120"


def test_the_right_and_upper_end_is_the_more_accurate_and_robust_one(
    made_study: Study, made_tables: StudyTables
) -> None:
    marks = read_marks(draw_tradeoff(made_study, made_tables), "trials")
    by_id = {row["trial_id"]: row for row in made_study.rows}
    rows = [by_id[mark.says["trial"]] for mark in marks]
    across = sorted(range(len(rows)), key=lambda n: marks[n].item["x"])
    down = sorted(range(len(rows)), key=lambda n: -marks[n].item["y"])
    assert [rows[n]["clean_correct"] for n in across] == sorted(row["clean_correct"] for row in rows)
    assert [rows[n]["robust_correct"] for n in down] == sorted(row["robust_correct"] for row in rows)


POINTS = {  # pruning ratio -> clean and robust accuracy
    0.0: (0.9, 0.1), 0.1: (0.8, 0.5), 0.2: (0.7, 0.4), 0.3: (0.9, 0.2), 0.4: (0.6, 0.5), 0.5: (0.5, 0.6),
}  # fmt: skip


def test_the_front_holds_what_nothing_beats_in_both_rates(tmp_path: Path) -> None:
    def rule(row: dict[str, Any]) -> tuple[float, float]:
        return POINTS[row["pruning_ratio"]]

    content = {**GRID, "seed": 0, "adversarial_finetune": None, "prune": {"ratio": {"grid_search": list(POINTS)}}}
    content["attack"] = {"name": "ifgsm", "eps": "8/255", "steps": 5}
    (study,) = group_studies(made_up(tmp_path, content, rule=rule, images=False).rows())
    figure = draw_tradeoff(study, build_study_tables(study))
    front = [
        (mark.says["clean accuracy (test split)"], mark.says["robust accuracy"]) for mark in read_marks(figure, "front")
    ]
    assert front == [("50%", "60%"), ("80%", "50%"), ("90%", "20%")]


def test_error_bars_are_one_standard_deviation_to_both_sides(made_study: Study, made_tables: StudyTables) -> None:
    figure = draw_tradeoff(made_study, made_tables)
    means = {mark.says["trials"]: mark.item for mark in read_marks(figure, "means")}
    bars = read_marks(figure, "spread_across"), read_marks(figure, "spread_along")
    cells = [cell for cell in made_tables.cells if cell["threat"] == made_study.threats.index(made_study.headline)]
    assert len(bars[0]) == len(bars[1]) == len(cells)
    scale = (means[cells[0]["trials"]]["x"] - means[cells[-1]["trials"]]["x"]) / (
        cells[0]["clean"] - cells[-1]["clean"]
    )
    for cell, across, along in zip(cells, *bars, strict=True):
        mean = means[cell["trials"]]
        assert across.item["y"] == pytest.approx(mean["y"])
        assert along.item["x"] == pytest.approx(mean["x"])
        assert sorted((across.item["x"], across.item["x2"])) == pytest.approx(
            [mean["x"] + scale * (cell[end] - cell["clean"]) for end in ("cleanLow", "cleanHigh")]
        )


def list_doubts(figure: Figure) -> list[str]:
    """The marks that are seen: a mean without a doubt has an empty one, since a layer of nothing has no axes."""
    return [mark.says["doubt"] for mark in read_marks(figure, "doubts") if mark.says["doubt"]]


def test_a_mark_stands_beside_each_mean_that_a_verdict_speaks_against(tmp_path: Path) -> None:
    (plain,) = group_studies(made_up(tmp_path, WITHOUT_TUNING, images=False).rows())
    assert list_doubts(draw_tradeoff(plain, build_study_tables(plain))) == []
    rows = [{**row, "verdict": "upper bound" if row["pruning_ratio"] else "ok"} for row in plain.rows]
    (study,) = group_studies(rows)
    figure = draw_tradeoff(study, build_study_tables(study))
    assert list_doubts(figure) == ["\N{LESS-THAN OR EQUAL TO}"]
    assert figure.title.endswith("; \N{LESS-THAN OR EQUAL TO}: upper bound")
