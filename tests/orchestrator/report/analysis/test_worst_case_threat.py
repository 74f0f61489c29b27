"""The answers speak of the worst case over the attacks of a budget, where together they leave less than each."""

from __future__ import annotations

import json
from pathlib import Path

from orchestrator.report.analysis.answers import answer_questions
from orchestrator.report.analysis.attack_families import list_families
from orchestrator.report.analysis.studies import group_studies
from orchestrator.report.analysis.worst_case_threat import WORST_OF
from orchestrator.results.verdicts import annotate_rows
from tests.support.mixed_images import ROWS, WORDS, A, B, C, read_images
from tests.support.report_data import GRID, made_up


def test_attacks_that_fool_other_images_are_one_threat_together(tmp_path: Path) -> None:
    sweep = made_up(tmp_path, {**GRID, "prune": None}, rule=lambda row: (0.9, 0.5 - row["seed"] / 10), images=False)
    rows = [{**row, "worst_case_correct": row["robust_correct"] - 12} for row in sweep.rows()]
    (study,) = group_studies(rows)
    assert study.headline is study.worst
    assert study.headline.label.startswith("the worst of 2 attacks, linf eps")
    entry = study.under(study.headline)[0]
    alone = study.measured[entry.configuration.key, study.strongest.key]
    assert [row["robust_correct"] + 12 for row in entry.rows] == [row["robust_correct"] for row in alone.rows]
    assert len(entry.rows[0][WORST_OF]) == 2
    assert study.worst not in [threat for family in list_families(study) for threat in family.threats]
    assert "under the worst of 2 attacks" in answer_questions(study, lambda _: {}).recommendation[0]


def test_attacks_on_other_images_meet_on_those_that_all_saw() -> None:
    (study,) = group_studies(annotate_rows(ROWS, read_images))
    assert study.headline is study.worst
    assert study.headline.label == f"the worst of 3 attacks, linf eps 8/255, {WORDS}"
    (entry,) = study.under(study.headline)
    assert [(row["examples"], row["robust_correct"]) for row in entry.rows] == [(4, 1)]
    assert entry.mean == (0.75, 0.25)
    assert set(entry.rows[0][WORST_OF]) == {row["attack_key"] for row in (A, B, C)}
    assert study.images == "4"


def test_models_that_answer_at_random_are_told_from_those_beside_them() -> None:
    """Of these the strongest attack speaks alone, on all images that it saw."""
    noise = {"transformations": [{"name": "noise", "sigma": 0.1}]}
    noisy = [
        {
            **each,
            "trial_id": f"{each['trial_id']}-n",
            "attack_key": f"{each['attack_key']}-n",
            "transformations": "noise",
        }
        | {"config": json.dumps(json.loads(each["config"]) | {"inference": noise}), "deterministic": False}
        for each in (A, C)
    ]
    (study,) = group_studies([*annotate_rows(ROWS, read_images), *noisy])
    alone = "of a model that answers at random the strongest alone"
    assert study.headline.label == f"the worst of 3 attacks, linf eps 8/255, {WORDS}; {alone}"
    assert {entry.rows[0]["transformations"]: entry.mean for entry in study.under(study.headline)} == {
        None: (0.75, 0.25),
        "noise": (7 / 8, 6 / 8),
    }
    assert study.images == "4 to 8"


def test_one_attack_is_not_called_the_worst_of_one(tmp_path: Path) -> None:
    sweep = made_up(tmp_path, {**GRID, "prune": None}, rule=lambda row: (0.9, 0.5 - row["seed"] / 10), images=False)
    name = sweep.rows()[0]["attack"]
    rows = [{**row, "worst_case_correct": row["robust_correct"] - 12} for row in sweep.rows() if row["attack"] == name]
    steps = max(row["attack_steps"] for row in rows)
    (study,) = group_studies([row for row in rows if row["attack_steps"] == steps])
    assert study.headline.label.startswith("all attacks together, linf eps")


def test_an_attack_that_leaves_no_more_than_all_together_speaks_itself(tmp_path: Path) -> None:
    (study,) = group_studies(made_up(tmp_path, {**GRID, "prune": None}, images=False).rows())
    assert study.worst is None
    assert study.headline is study.strongest
