"""What the checks say of the numbers of a figure."""

from __future__ import annotations

from pathlib import Path

from orchestrator.report.analysis.doubts import describe_doubted, describe_doubts_of_figure
from orchestrator.report.analysis.studies import group_studies
from orchestrator.report.analysis.study import Study
from orchestrator.space.figures import FigureKind
from tests.support.report_data import WITHOUT_TUNING, made_up

FIGURES: tuple[FigureKind, ...] = ("tradeoff", "axes", "security_curves", "budget_bars", "heat_map")


def study_with(folder: Path, verdict: str, reason: str | None, eps: float) -> Study:
    """Two models under six attacks; those of one budget have a verdict."""
    rows = made_up(folder, WITHOUT_TUNING, images=False).rows()
    (study,) = group_studies(
        [
            {**row, "verdict": verdict, "verdict_reason": reason} if abs(row["attack_eps"] - eps) < 1e-9 else row
            for row in rows
        ]
    )
    return study


def test_each_figure_counts_the_numbers_that_it_draws(tmp_path: Path) -> None:
    study = study_with(tmp_path, "upper bound", "add steps", 32 / 255)
    curves, bars = (describe_doubts_of_figure(study, kind) for kind in ("security_curves", "budget_bars"))
    assert curves.startswith("2 of the 6 robust accuracies are upper bounds; such as pruning ratio 0")
    assert curves.endswith(" %, add steps.")
    assert "eps 32/255" in curves
    assert bars == curves, "bars take the most iterations, as curves do"
    assert describe_doubts_of_figure(study, "heat_map").startswith("4 of the 12 robust accuracies are upper bounds; ")


def test_a_figure_of_some_models_speaks_of_these_alone(tmp_path: Path) -> None:
    study = study_with(tmp_path, "upper bound", "add steps", 32 / 255)
    doubted = next(entry for entry in study.measured.values() if entry.rows[0]["verdict"] == "upper bound")
    assert describe_doubts_of_figure(study, "heat_map", [doubted]).startswith("2 of the 6 robust accuracies are")
    assert describe_doubts_of_figure(study, "images", [doubted]).startswith("1 of the 1 robust accuracies is")
    assert describe_doubts_of_figure(study, "training_curves", [doubted]) == ""


def test_nothing_is_said_where_nothing_speaks_against_the_numbers(tmp_path: Path) -> None:
    study = study_with(tmp_path, "ok", None, 32 / 255)
    assert {describe_doubts_of_figure(study, kind) for kind in FIGURES} == {""}
    doubted = study_with(tmp_path / "doubted", "upper bound", "add steps", 32 / 255)
    assert describe_doubts_of_figure(doubted, "budget_bars", rates=("clean_accuracy",)) == ""


def test_what_is_suspicious_is_called_so_also_without_a_reason(tmp_path: Path) -> None:
    study = study_with(tmp_path, "suspicious", None, 8 / 255)
    (threat, *_) = (threat for threat in study.threats if threat.label.startswith("ifgsm, eps 8/255"))
    one = study.under(threat)[:1]
    assert describe_doubted(one).startswith("1 of the 1 robust accuracies is suspicious; such as ")
