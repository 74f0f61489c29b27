"""`advsweep plan`."""

from __future__ import annotations

import csv
import io
import json
import shutil
from pathlib import Path

import pytest

from tests.orchestrator.cli.conftest import Finished
from tests.support.command_line import run_here

KINDS = ["train", "prune", "finetune", "adversarial_finetune", "condition", "generator", "attack"]


def test_a_plan_shows_what_is_shared_and_starts_nothing(space_file: Path, tmp_path: Path) -> None:
    storage = tmp_path / "storage"
    asked = ["plan", "--space", str(space_file), "--storage", str(storage)]
    facts = json.loads(run_here(*asked, "--json").stdout)
    assert facts["trials"] == 8
    assert facts["stages"]["train"] == {"in_trials": 8, "distinct": 1, "in_store": 0, "runs": 1}
    assert facts["stages"]["attack"] == {"in_trials": 8, "distinct": 8, "in_store": 0, "runs": 4}
    assert facts["seconds"] is None
    kinds = list(csv.DictReader(io.StringIO(run_here(*asked, "--format", "csv").stdout)))
    assert [kind["stage"] for kind in kinds] == KINDS
    assert kinds[-1] == {"stage": "attack", "in_trials": "8", "distinct": "8", "in_store": "0", "runs": "4"}
    shown = run_here(*asked).stdout
    assert shown.startswith(f"{facts['sweep_id']}: 8 trials\n")
    assert "in store  jobs to do" in shown
    assert f"sharing saves {100 * facts['shared']:.1f} % of all stages" in shown
    assert not storage.exists()


def test_what_is_stored_is_counted_and_timed_for_so_many_slots(finished: Finished) -> None:
    asked = ["plan", "--space", str(finished.space), "--set", "seed={grid_search: [0, 1]}"]
    facts = json.loads(finished.ask(*asked, "--slots", "3", "--json").stdout)
    assert facts["slots"] == 3
    assert facts["stages"]["train"] == {"in_trials": 8, "distinct": 2, "in_store": 1, "runs": 1}
    assert facts["stages"]["attack"] == {"in_trials": 8, "distinct": 8, "in_store": 4, "runs": 2}
    alone = json.loads(finished.ask(*asked, "--slots", "1", "--json").stdout)
    assert alone["unshared_seconds"] == pytest.approx(3 * facts["unshared_seconds"])
    assert alone["seconds"] > facts["seconds"] >= facts["critical_path_seconds"]
    assert "estimated time on 3 slots: " in finished.ask(*asked, "--slots", "3").stdout


def test_more_checks_are_more_trials(finished: Finished) -> None:
    asked = ["plan", "--space", str(finished.space), "--json"]
    plain, verified = (json.loads(finished.ask(*asked, *more).stdout) for more in ([], ["--verify"]))
    assert plain["trials"] == 4
    assert verified["trials"] > 4
    assert verified["stages"]["attack"]["in_store"] == plain["stages"]["attack"]["in_store"] == 4


def test_a_setting_is_overridden(finished: Finished) -> None:
    asked = ["plan", "--space", str(finished.space), "--set", "prune.ratio=0.3", "--set", "attack.steps=1", "--json"]
    assert json.loads(finished.ask(*asked).stdout)["trials"] == 1


@pytest.mark.slow
def test_a_space_whose_data_are_not_here_is_planned_and_not_launched(tmp_path: Path) -> None:
    """24 trials of 8,000 photographs, a fifth of them for tests."""
    fewer = [word for part in ("seed=0", "prune.ratio=0.2", "attack.eps=8/255", "attack.steps=10")
             for word in ("--set", part)]  # fmt: skip
    asked = ["--space", "pruning_grid", *fewer, "--storage", str(tmp_path / "storage")]
    facts = json.loads(run_here("plan", *asked, "--json").stdout)
    assert (facts["trials"], facts["stages"]["train"]["distinct"]) == (24, 4)
    (message,) = facts["missing_data"]
    assert message.startswith("dataset.name = 'animals10' needs a folder: give --data-dir DIR with raw-img/")
    for command in (["plan"], ["launch", "--dry-run"]):
        shown = run_here(*command, *asked)
        assert shown.code == 0
        assert "\ntrain                        24         4         -           4\n" in shown.stdout
        assert f"\nplanned without its data, so what is stored is not known: {message}\n" in shown.stdout
    refused = run_here("launch", *asked)
    assert (refused.code, refused.stderr) == (2, f"error: {message}\n")
    absent = run_here("plan", *asked, "--data-dir", tmp_path / "no")
    assert f"the data folder '{tmp_path / 'no'}' does not exist" in absent.stdout
    assert not (tmp_path / "storage").exists()


def test_a_stage_that_was_cut_short_is_not_counted_as_stored(finished: Finished, tmp_path: Path) -> None:
    """As a launch, which computes it again."""
    shutil.copytree(finished.storage, tmp_path / "storage")
    asked = ["plan", "--space", str(finished.space), "--storage", str(tmp_path / "storage"), "--json"]
    assert json.loads(run_here(*asked).stdout)["stages"]["attack"]["in_store"] == 4
    victim = next((tmp_path / "storage" / "stages").glob("*/examples.parquet"))
    victim.write_bytes(victim.read_bytes()[:-1])
    ended = run_here(*asked)
    assert json.loads(ended.stdout)["stages"]["attack"]["in_store"] == 3
