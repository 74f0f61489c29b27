"""What the checks say of the numbers of a figure."""

from __future__ import annotations

from pathlib import Path

from orchestrator.report.analysis.doubts import describe_doubted, describe_doubts_of_figures
from orchestrator.report.analysis.studies import group_studies
from orchestrator.report.analysis.study import Study
from tests.support.report_data import WITHOUT_TUNING, made_up


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
    said = describe_doubts_of_figures(study_with(tmp_path, "upper bound", "add steps", 32 / 255))
    assert said["security_curves"].startswith("2 of the 6 robust accuracies are upper bounds; such as pruning ratio 0")
    assert said["heat_map"].startswith("4 of the 12 robust accuracies are upper bounds; ")
    assert said["security_curves"].endswith(" %, add steps.")
    assert "eps 32/255" in said["security_curves"]


def test_nothing_is_said_where_nothing_speaks_against_the_numbers(tmp_path: Path) -> None:
    study = study_with(tmp_path, "ok", None, 32 / 255)
    assert set(describe_doubts_of_figures(study).values()) == {""}


def test_what_is_suspicious_is_called_so_also_without_a_reason(tmp_path: Path) -> None:
    study = study_with(tmp_path, "suspicious", None, 8 / 255)
    (threat, *_) = (threat for threat in study.threats if threat.label.startswith("ifgsm, eps 8/255"))
    one = study.under(threat)[:1]
    assert describe_doubted(one).startswith("1 of the 1 robust accuracies is suspicious; such as ")
