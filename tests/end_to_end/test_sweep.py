"""A whole sweep on Ray, as a user runs it, and everything that is read from it afterwards."""

from __future__ import annotations

import csv
import io
import json
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import duckdb
import pandas as pd
import polars as pl
import pytest

from tests.conftest import SMALL_SPACE
from tests.support.command_line import Ended, run_here
from tests.support.harness import ONE, advsweep, artifacts, ended, executions, results_only, rows
from tests.support.wandb_files import read_run

pytestmark = [pytest.mark.cluster, pytest.mark.slow]


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Path, Path, str]]:
    """A finished sweep of eight trials: storage, space file, and what the launch printed."""
    folder = tmp_path_factory.mktemp("sweep")
    space = folder / "small.yaml"
    space.write_text(SMALL_SPACE)
    storage = folder / "storage"
    shown = advsweep("launch", "--space", space, "--storage", storage).stdout
    yield storage, space, shown
    shutil.rmtree(folder)


@pytest.fixture
def storage(finished: tuple[Path, Path, str], tmp_path: Path) -> Path:
    """A copy of what the finished sweep left, to be changed."""
    return shutil.copytree(finished[0], tmp_path / "storage")


def look(*arguments: str | Path, code: int = 0) -> Ended:
    """A command that starts nothing, in this process: a process of its own takes two seconds to begin."""
    ended = run_here(*arguments)
    assert ended.code == code, ended
    return ended


def test_every_trial_is_a_finished_row(finished: tuple[Path, Path, str]) -> None:
    storage, _, shown = finished
    found = rows(storage)
    assert len(found) == 8
    assert {row["status"] for row in found} == {"finished"}
    for row in found:
        assert row["robust_correct"] <= row["clean_correct"] <= row["examples"] == 180
        assert row["clean_accuracy_low"] <= row["clean_accuracy"] <= row["clean_accuracy_high"]
    assert "8 trials, 8 finished, 0 failed" in shown
    assert "% of the test images: clean, and robust under" in shown


def test_every_distinct_stage_ran_once_by_the_workers_own_log(finished: tuple[Path, Path, str]) -> None:
    counts = ended(finished[0])
    assert set(counts.values()) == {1}
    stored = {folder.name for folder in (finished[0] / "stages").iterdir()}
    assert stored == counts.keys()
    runs = [entry for entry in executions(finished[0]) if entry["event"] == "start" and entry["kind"] == "attack"]
    assert len(runs) == 8, "eight cells"


def test_what_a_trial_leaves_is_three_files_and_a_row(finished: tuple[Path, Path, str]) -> None:
    storage, _, _ = finished
    stages = [sorted(file.name for file in stage.iterdir()) for stage in (storage / "stages").iterdir()]
    assert max(map(len, stages)) == 3, stages
    assert len(list(storage.glob("sweeps/*/trials/*"))) == 1, "rows are put together at the end"


def test_the_same_command_again_has_nothing_to_do(finished: tuple[Path, Path, str]) -> None:
    storage, space, _ = finished
    before = artifacts(storage)
    again = advsweep("launch", "--space", space, "--storage", storage).stdout
    assert "8 trials, 8 finished, nothing to do" in again
    assert artifacts(storage) == before
    assert set(ended(storage).values()) == {1}


def test_tables_are_read_by_duckdb_pandas_and_polars(finished: tuple[Path, Path, str]) -> None:
    parts = str(next(finished[0].glob("sweeps/*/trials"))) + "/*.parquet"
    ask = duckdb.connect().execute
    by_duckdb = ask(f"select count(*), sum(robust_correct) from '{parts}'").fetchone()
    by_pandas = pd.concat([pd.read_parquet(part) for part in next(finished[0].glob("sweeps/*/trials")).iterdir()])
    by_polars = pl.read_parquet(parts)
    assert by_duckdb == (8, by_pandas["robust_correct"].sum()) == (len(by_polars), by_polars["robust_correct"].sum())
    examples = str(finished[0] / "stages/*/examples.parquet")
    counted = ask(f"select count(*), count(distinct stage_key) from '{examples}'").fetchone()
    assert counted == (8 * 180, 8)
    assert pl.read_parquet(examples).filter(pl.col("robust")).height == by_polars["robust_correct"].sum()


def test_results_answer_sql_csv_and_json(finished: tuple[Path, Path, str]) -> None:
    storage = finished[0]
    sql = (
        "select t.robust_correct as said, count(*) filter (robust) as counted from trials t "
        "join stages s using (trial_id) join examples e using (stage_key) group by t.trial_id, said"
    )
    asked = json.loads(look("results", "small", "--storage", storage, "--sql", sql, "--format", "json").stdout)
    assert len(asked) == 8
    assert all(line["said"] == line["counted"] for line in asked)
    keys = "select distinct stage_key from examples where stage_key like '%' and stage_key <> 'none' order by stage_key"
    texts = json.loads(look("results", "small", "--storage", storage, "--sql", keys, "--format", "json").stdout)
    assert [line["stage_key"] for line in texts] == sorted(
        path.parent.name for path in storage.glob("stages/*/examples*")
    )
    table = list(
        csv.DictReader(io.StringIO(look("results", "small", "--storage", storage, "--long", "--format", "csv").stdout))
    )
    assert len(table) == 8
    epochs = look("results", "small", "--storage", storage, "--sql", "select count(*) n from history").stdout
    assert epochs.split()[-1] == str(2 + 2 * 2 * 2)


def test_worst_case_is_robust_to_every_attack_image_by_image(finished: tuple[Path, Path, str]) -> None:
    storage = finished[0]
    shown = json.loads(look("results", "small", "--storage", storage, "--worst-case", "--format", "json").stdout)
    by_model: dict[str, list[dict[str, Any]]] = {}
    for row in rows(storage):
        by_model.setdefault(row["adversarial_finetune_key"] or row["finetune_key"] or row["train_key"], []).append(row)
    expected = []
    for cells in by_model.values():
        images = [pd.read_parquet(storage / "stages" / cell["attack_key"] / "examples.parquet") for cell in cells]
        robust = pd.concat(images).groupby("index")["robust"].all()
        expected.append((len(cells), len(robust), int(robust.sum())))
    assert sorted((line["attacks"], line["examples"], line["robust_correct"]) for line in shown) == sorted(expected)
    assert all(
        line["worst_case_low"] <= line["worst_case_robust_accuracy"] <= line["worst_case_high"] for line in shown
    )


@pytest.mark.parametrize(
    "sql",
    [
        "copy trials to 'stolen.csv'",
        "select * from read_text('/etc/hostname')",
        "select * from '/etc/hostname'",
        "attach 'other.db'",
        "install httpfs",
        "set enable_external_access = true",
        "select nothing from trials",
    ],
)
def test_sql_reads_these_tables_and_nothing_else(finished: tuple[Path, Path, str], sql: str) -> None:
    refused = look("results", "small", "--storage", finished[0], "--sql", sql, code=2)
    assert refused.stderr.startswith("error: --sql:")


def test_wandb_runs_are_complete_offline(finished: tuple[Path, Path, str]) -> None:
    storage = finished[0]
    files = sorted(storage.glob("sweeps/*/wandb/wandb/offline-run-*/*.wandb"))
    runs = [read_run(file) for file in files]
    assert sorted(run.job_type for run in runs) == ["live", "sweep"] + ["trial"] * 8
    (live,) = (run for run in runs if run.job_type == "live")
    curves = {metric for entry in live.history for metric in entry if metric.endswith("/train_loss")}
    assert len(curves) == 1 + 2 * 2, "each stage that trained has a curve"
    assert live.exit_code == 0
    by_trial = {row["trial_id"]: row for row in rows(storage)}
    for run in [run for run in runs if run.job_type == "trial"]:
        row = by_trial.pop(run.config["trial_id"])
        assert run.group == row["sweep_id"]
        assert run.summary["robust_accuracy"] == row["robust_accuracy"]
        assert run.config["train"]["optimizer"]["lr"] == 0.1
        assert [entry["train/epoch"] for entry in run.history if "train/epoch" in entry] == [0, 1]
        assert run.exit_code == 0
    assert not by_trial


def test_status_and_explain(finished: tuple[Path, Path, str]) -> None:
    storage = finished[0]
    (facts,) = json.loads(look("status", "--storage", storage, "--json").stdout)
    assert (facts["trials"], facts["finished"], facts["failed"], facts["missing"]) == (8, 8, 0, 0)
    trial = rows(storage)[0]["trial_id"]
    explained = json.loads(look("explain", trial, "--storage", storage, "--json").stdout)
    assert all(line["stored"] and "computed by this sweep" in line["reason"] for line in explained)


def test_a_larger_space_reuses_every_stage_it_shares(
    finished: tuple[Path, Path, str], storage: Path, tmp_path: Path
) -> None:
    larger = tmp_path / "larger.yaml"
    larger.write_text(SMALL_SPACE)
    more = ["--set", "attack.steps={grid_search: [2, 5, 7]}", "--wandb", "disabled"]
    plan = look("plan", "--space", larger, "--storage", storage, *more[:2]).stdout
    assert "estimated time" in plan
    shown = advsweep("launch", "--space", larger, "--storage", storage, *more, *ONE).stdout
    assert "12 trials, 0 finished, 12 to do: 4 stages in 4 jobs, 14 stages reused" in shown
    assert set(ended(storage).values()) == {1}
    old = {row["attack_key"]: results_only(row) for row in rows(finished[0])}
    new = {row["attack_key"]: results_only(row) for row in rows(storage) if row["space"] == "larger"}
    judged = {"verdict": "", "verdicts": "", "verdict_reason": "", "worst_case_correct": ""}  # more cells, more checks
    of_the_sweep = {"sweep_id": "", "space": "", **judged}
    for key, row in old.items():
        assert new[key] | of_the_sweep == row | of_the_sweep
    trial = next(row["trial_id"] for row in rows(storage) if row["space"] == "larger" and row["attack_steps"] == 2)
    explained = json.loads(look("explain", trial, "--storage", storage, "--json").stdout)
    assert explained[0]["kind"] == "train"


def test_corrupt_artifacts_are_named_set_aside_and_computed_again(
    finished: tuple[Path, Path, str], storage: Path
) -> None:
    before = artifacts(storage)
    stages = sorted(storage.glob("stages/*"))
    models = [folder for folder in stages if (folder / "model.safetensors").exists()]
    attacks = [folder for folder in stages if (folder / "examples.parquet").exists()]
    content = bytearray((models[0] / "model.safetensors").read_bytes())
    content[-5] ^= 1
    (models[0] / "model.safetensors").write_bytes(content)
    (attacks[0] / "examples.parquet").write_bytes(b"")
    (attacks[1] / "stage.json").write_text('{"format": 1')
    (attacks[2] / "stage.json").unlink()
    shown = advsweep("launch", "--space", finished[1], "--storage", storage, "--wandb", "disabled", *ONE).stdout
    assert f"stage {models[0].name[:12]}: model.safetensors has changed" in shown
    assert f"stage {attacks[0].name[:12]}: examples.parquet has 0 bytes instead of" in shown
    assert f"stage {attacks[1].name[:12]}: stage.json cannot be read" in shown
    assert f"stage {attacks[2].name[:12]}: stage.json is missing" in shown
    assert "8 finished, 0 failed" in shown
    assert len(list((storage / "corrupt").iterdir())) == 4
    after = artifacts(storage)
    assert after == {name: before[name] for name in after}
    removed = advsweep("clean", "--storage", storage, "--yes").stdout
    assert "set aside as corrupt" in removed
    assert not list((storage / "corrupt").iterdir())


def test_clean_removes_only_what_no_sweep_refers_to(finished: tuple[Path, Path, str], storage: Path) -> None:
    assert advsweep("clean", "--storage", storage, "--yes").stdout.strip() == "nothing to remove"
    stray = storage / "stages" / ("f" * 64)
    shutil.copytree(next(storage.glob("stages/*")), stray)
    shown = advsweep("clean", "--storage", storage, code=1).stdout
    assert "f" * 64 in shown
    assert "stage of no sweep" in shown
    assert stray.exists(), "not confirmed, not removed"
    advsweep("clean", "--storage", storage, "--yes")
    assert not stray.exists()
    assert artifacts(storage) == artifacts(finished[0])
    (sweep,) = (path.name for path in (storage / "sweeps").iterdir())
    advsweep("clean", "--storage", storage, "--forget", "small", "--yes", code=2)
    assert artifacts(storage) == artifacts(finished[0]), "only a whole id is forgotten"
    advsweep("clean", "--storage", storage, "--forget", sweep, "--yes")
    assert not list((storage / "stages").iterdir())


def test_failures_are_rows_that_name_the_cause_and_are_retried(tmp_path: Path) -> None:
    space = tmp_path / "failing.yaml"
    space.write_text(SMALL_SPACE)
    storage = tmp_path / "storage"
    command: list[str | Path] = ["launch", "--space", space, "--storage", storage, "--wandb", "disabled"]
    command += ["--set", "prune={ratio: 0.5}", "--set", "adversarial_finetune=null", *ONE]
    command += ["--set", "finetune={epochs: 1, optimizer: {name: sgd, lr: {grid_search: [0.01, 1.0e+30]}}}"]
    shown = advsweep(*command, code=1).stdout
    assert "4 trials, 2 finished, 2 failed" in shown
    assert "tracebacks in" in shown
    failed = [row for row in rows(storage) if row["status"] == "failed"]
    assert len(failed) == 2
    assert all("the loss became NaN or infinite in epoch 0: lower the learning rate" in row["error"] for row in failed)
    log = next(storage.glob("sweeps/*/logs/failures.log")).read_text()
    assert log.count("StageWorker.run()") == 2, "one traceback for each attempt"
    before = ended(storage)
    shown = advsweep(*command, code=1).stdout
    assert "4 trials, 2 finished, 2 to do" in shown
    assert ended(storage) == before, "what was finished did not run again"
    starts = [entry for entry in executions(storage) if entry["kind"] == "finetune" and entry["event"] == "start"]
    assert len(starts) == 1 + 2 + 2


def test_a_job_is_tried_as_often_as_it_was_said_and_no_longer(tmp_path: Path) -> None:
    space = tmp_path / "failing.yaml"
    space.write_text(SMALL_SPACE)
    command: list[str | Path] = ["launch", "--space", space, "--storage", tmp_path / "storage", "--wandb", "disabled"]
    alone = ["--set", "adversarial_finetune=null", "--set", "attack.steps=2", "--max-concurrent", "1"]
    diverging = "finetune={epochs: 1, optimizer: {name: sgd, lr: 1.0e+30}}"
    broken = ["--set", "prune.ratio=0.5", "--set", diverging, "--max-failures", "0", "--max-preemptions", "0"]
    assert "1 trial, 0 finished, 1 failed" in advsweep(*command, *alone, *broken, code=1).stdout
    starts = [entry for entry in executions(tmp_path / "storage") if entry["event"] == "start"]
    assert [entry["kind"] for entry in starts] == ["train", "prune", "finetune"], "once, and not again"
    hanging = ["--set", "train.epochs=500", "--set", "prune=null", "--timeout", "train=1.5", "--max-failures", "0"]
    shown = advsweep(*command, *alone, *hanging, code=1).stdout
    assert "timed out after 1.5 s" in shown


def test_the_smoke_space_runs_whole(tmp_path: Path) -> None:
    shown = advsweep("launch", "--space", "smoke", "--storage", tmp_path, "--wandb", "disabled").stdout
    assert "16 trials, 16 finished, 0 failed, 0 not run" in shown
    reached = {(row["lambda"], row["attack"], row["attack_eps"]): row["robust_accuracy"] for row in rows(tmp_path)}
    assert reached[0.0, "fgsm", 0.0] > reached[0.0, "fgsm", 16 / 255] + 0.3, "the attack works"
    assert reached[0.5, "fgsm", 16 / 255] > reached[0.0, "fgsm", 16 / 255], "so does adversarial fine-tuning"


def test_fresh_computes_everything_again(finished: tuple[Path, Path, str], storage: Path) -> None:
    before, part = artifacts(storage), ["--set", "prune.ratio=0", "--set", "adversarial_finetune.lambda=0"]
    advsweep("launch", "--space", finished[1], "--storage", storage, "--fresh", "--wandb", "disabled", *part, *ONE)
    assert sorted((ended(storage) - ended(finished[0])).values()) == [1] * 4, "two models and two attacks"
    assert artifacts(storage) == before
