"""`advsweep results`."""

from __future__ import annotations

import csv
import io
import json
from typing import Any

import pytest

from tasks.schema import TRIALS
from tests.orchestrator.cli.conftest import Finished


def test_a_line_for_each_model_a_column_for_each_budget_and_what_the_checks_say(finished: Finished) -> None:
    lines = finished.ask("results", finished.sweep.sweep_id).stdout.splitlines()
    assert lines[0].startswith("dataset digits, model resnet8")
    assert lines[1] == "% of the test images: clean, and robust under ifgsm linf (5 steps)"
    assert lines[2].split() == ["pruned", "seeds", "images", "clean", "16/255"]
    assert [line.split()[0] for line in lines[4:6]] == ["0", "0.5"]
    assert "checks hold" in lines[-1]
    (line,) = finished.ask("results", "four", "--where", "pruning_ratio>0").stdout.splitlines()[4:5]
    assert f"{100 * max(finished.rows(), key=measure)['clean_accuracy']:.2f}" in line


def measure(row: dict[str, Any]) -> tuple[float, int]:
    return row["pruning_ratio"], row["attack_steps"]


def test_the_long_table_has_a_line_a_cell_with_its_trials_and_the_verdicts(finished: Finished) -> None:
    tradeoff, checks = finished.ask("results", finished.sweep.sweep_id, "--long").stdout.split("\n\n")
    heading, columns, _, *lines = tradeoff.splitlines()
    assert heading.endswith("test split, mean ± standard deviation over seeds")
    assert columns.split()[:3] == ["pruned", "steps", "seeds"]
    assert [line.split()[:2] for line in lines] == [["0", "2"], ["0", "5"], ["0.5", "2"], ["0.5", "5"]]
    assert checks.splitlines()[0].startswith("check")
    shown = {line.split()[-1] for line in lines}
    assert {trial[: len(name)] for name in shown for trial in finished.trials if trial.startswith(name)} == shown
    assert all(len(name) == 7 for name in shown)
    (line, *_) = finished.ask("results", "four", "--long", "--sort=-steps", "--top", "1").stdout.splitlines()[3:]
    assert line.split()[:2] == ["0", "5"]


def test_models_come_as_json_and_as_csv(finished: Finished) -> None:
    records = json.loads(finished.ask("results", "four", "--json", "--sort=-pruned").stdout)
    assert [record["pruning_ratio"] for record in records] == [0.5, 0.0]
    last = next(row for row in finished.rows() if row["pruning_ratio"] == 0.5 and row["attack_steps"] == 5)
    assert records[0]["robust_accuracy ifgsm linf 16/255"] == last["robust_accuracy"]
    assert records[0]["clean_accuracy"] == last["clean_accuracy"]
    read = list(csv.DictReader(io.StringIO(finished.ask("results", "four", "--format", "csv").stdout)))
    assert [float(record["pruning_ratio"]) for record in read] == [0.0, 0.5]


def test_trials_come_whole_as_json_and_as_csv(finished: Finished) -> None:
    rows = json.loads(finished.ask("results", "four", "--long", "--json").stdout)
    assert [row["trial_id"] for row in rows] == sorted(finished.trials)
    assert all(list(row) == TRIALS.names for row in rows)
    assert [row["robust_accuracy"] for row in rows] == [row["robust_accuracy"] for row in finished.rows()]
    assert json.loads(finished.ask("results", "four", "--long", "--format", "json").stdout) == rows
    read = list(csv.DictReader(io.StringIO(finished.ask("results", "four", "--long", "--format", "csv").stdout)))
    assert [float(row["robust_accuracy"]) for row in read] == [row["robust_accuracy"] for row in rows]


def test_what_cannot_be_selected_is_told(finished: Finished) -> None:
    assert "did you mean 'pruned'?" in finished.ask("results", "four", "--sort", "prund", code=2).stderr
    assert "did you mean 'attack'?" in finished.ask("results", "four", "--where", "atack=fgsm", code=2).stderr
    assert "there are ifgsm" in finished.ask("results", "four", "--where", "attack=fgsm", code=2).stderr
    refused = finished.ask("results", "four", "--sql", "SELECT 1", "--top", "3", code=2)
    assert "--where, --sort, --top and --long are about the table of trials" in refused.stderr


def test_the_papers_numbers_stand_beside_the_measured(finished: Finished) -> None:
    (entry,) = json.loads(finished.ask("results", "four", "--reference", "--json").stdout)
    measured = next(row for row in finished.rows() if row["pruning_ratio"] == 0.5 and row["attack_steps"] == 5)
    assert entry["what"] == "Table 1"
    assert (entry["paper"], entry["measured"]) == ("25.00 %", f"{100 * measured['robust_accuracy']:.2f} %")
    assert "Table 1" in finished.ask("results", "four", "--reference").stdout


def test_an_image_is_robust_where_it_is_against_every_attack(finished: Finished) -> None:
    lines = json.loads(finished.ask("results", "four", "--worst-case", "--format", "json").stdout)
    assert [line["pruning_ratio"] for line in lines] == [0.0, 0.5]
    for line in lines:
        rows = [row for row in finished.rows() if row["pruning_ratio"] == line["pruning_ratio"]]
        assert line["attacks"] == 2
        assert line["worst_case_robust_accuracy"] <= min(row["robust_accuracy"] for row in rows)


def test_attacks_are_ranked_by_how_near_they_come_to_the_smallest_perturbations(finished: Finished) -> None:
    lines = json.loads(finished.ask("results", "four", "--optimality", "--json").stdout)
    assert {line["pruning_ratio"] for line in lines} == {0.0, 0.5}
    for line in lines:
        rows = [row for row in finished.rows() if row["pruning_ratio"] == line["pruning_ratio"]]
        fooled = {1 - row["robust_correct"] / row["clean_correct"] for row in rows}
        assert any(line["success"] == pytest.approx(share) for share in fooled)
        alike = [other["success"] for other in lines if other["pruning_ratio"] == line["pruning_ratio"]]
        assert (line["optimality"] is None) is not any(alike), "where no attack found anything nothing can be said"
    assert "optimality" in finished.ask("results", "four", "--optimality").stdout


def test_of_some_attacks_alone_the_ranks_are_those_among_all(finished: Finished) -> None:
    whole = json.loads(finished.ask("results", "four", "--optimality", "--json").stdout)
    for ratio in (0, 0.5):
        asked = ("results", "four", "--optimality", "--json", "--where", f"pruning_ratio={ratio}", "--where", "steps=2")
        lines = json.loads(finished.ask(*asked).stdout)
        assert len(lines) == 1, "of two numbers of steps"
        alike = [line for line in whole if line["pruning_ratio"] == ratio]
        assert lines[0]["optimality"] in [line["optimality"] for line in alike]
    refused = finished.ask("results", "four", "--optimality", "--top", "3", code=2)
    assert "not with other questions, but for --where with --optimality" in refused.stderr
    assert "there are ifgsm" in finished.ask("results", "four", "--optimality", "--where", "attack=fgsm", code=2).stderr


def test_duckdb_is_asked(finished: Finished) -> None:
    sql = "SELECT pruning_ratio, count(*) AS trials FROM trials GROUP BY 1 ORDER BY 1"
    assert json.loads(finished.ask("results", "four", "--sql", sql, "--json").stdout) == [
        {"pruning_ratio": 0.0, "trials": 2},
        {"pruning_ratio": 0.5, "trials": 2},
    ]
    assert "error: --sql: " in finished.ask("results", "four", "--sql", "SELECT", code=2).stderr


def test_long_values_of_a_query_are_cut_in_the_table_alone(finished: Finished) -> None:
    sql = ("results", "four", "--sql", "SELECT config, repeat('x', 100) AS fits, 7 AS seven FROM trials LIMIT 1")
    *table, blank, note = finished.ask(*sql).stdout.splitlines()
    (row,) = csv.DictReader(io.StringIO(finished.ask(*sql, "--format", "csv").stdout))
    assert len(json.loads(row["config"])) > 3
    assert table[-1] == f"{row['config'][:97]}...  {'x' * 100}      7"
    assert (blank, note) == ("", "values end after 100 characters; --format csv has them whole")
    described = finished.ask("results", "four", "--sql", "DESCRIBE stages").stdout
    assert max(map(len, described.splitlines())) < 200
    assert "values end" not in finished.ask("results", "four", "--sql", "SELECT 1").stdout


@pytest.mark.parametrize(
    "two", [("--reference", "--worst-case"), ("--sql", "SELECT 1", "--worst-case"), ("--optimality", "--worst-case")]
)
def test_one_question_at_a_time(finished: Finished, two: tuple[str, ...]) -> None:
    assert "ask one at a time" in finished.ask("results", "four", *two, code=2).stderr
