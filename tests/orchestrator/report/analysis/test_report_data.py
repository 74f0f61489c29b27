"""What a report reads of several sweeps."""

from __future__ import annotations

import json
from pathlib import Path

from orchestrator.report.analysis.report_data import load_report_data
from tests.support.report_data import GRID, WITHOUT_TUNING, made_up


def test_shared_trials_count_once(tmp_path: Path) -> None:
    first = {**GRID, "seed": 0, "attack": {"name": "fgsm", "eps": "8/255"}}
    second = {**first, "prune": {"ratio": {"grid_search": [0.4, 0.6]}}}
    contents = {"first": first, "second": second}
    sweeps = [made_up(tmp_path, content, name, images=False) for name, content in contents.items()]
    found = load_report_data(sweeps)
    rows = [row["attack_key"] for study in found.studies for row in study.rows]
    assert len(rows) == len(set(rows)) == 10 + 5
    owners = [found.sweeps_of[row["attack_key"]] for study in found.studies for row in study.rows]
    assert owners.count(("first", "second")) == 5
    assert [facts.label for facts in found.sweeps] == ["first", "second"]


def test_finished_failed_and_missing_trials_are_counted(tmp_path: Path) -> None:
    sweep = made_up(
        tmp_path, WITHOUT_TUNING, images=False,
        finished=lambda place: place % 3 == 0, failed=lambda place: place % 7 == 1,
    )  # fmt: skip
    (facts,) = load_report_data([sweep]).sweeps
    failed = sum(place % 7 == 1 for place in range(36))
    finished = sum(place % 3 == 0 and place % 7 != 1 for place in range(36))
    assert (facts.planned, facts.finished, facts.failed) == (36, finished, failed)
    assert facts.missing == 36 - finished - failed
    assert facts.errors == ("out of <b>memory</b>",)


def test_verdicts_stand_beside_the_rows_before_a_launch_has_ended(tmp_path: Path) -> None:
    """A larger budget that leaves more images robust is suspicious."""
    sweep = made_up(
        tmp_path, {**WITHOUT_TUNING, "seed": 0}, images=False,
        rule=lambda row: (0.9, 0.8 if row["attack_eps"] > 0.1 and row["pruning_ratio"] else 0.4 - row["attack_eps"]),
    )  # fmt: skip
    assert {row["verdict"] for row in sweep.rows()} == {None}
    (study,) = load_report_data([sweep]).studies
    doubted = {row["pruning_ratio"] for row in study.rows if row["verdict"] == "suspicious"}
    assert doubted == {0.4}
    assert all(json.loads(row["verdicts"]) for row in study.rows)
