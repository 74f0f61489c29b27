"""The command line without a cluster: plans, messages, exit codes, and how little is imported."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.support.harness import advsweep, list_imported_modules


def test_the_science_imports_neither_ray_nor_wandb_nor_the_orchestrator() -> None:
    modules = list_imported_modules("import tasks.__main__, tasks.stages.run, tasks.attacks.gradient.craft")
    assert {"torch", "tasks.stages.run"} <= modules
    assert not {name for name in modules if name.split(".")[0] in ("ray", "wandb", "orchestrator")}


def test_help_and_plans_import_nothing_heavy() -> None:
    heavy = {"torch", "ray", "wandb", "sklearn", "torchvision", "duckdb", "pandas"}
    assert not heavy & list_imported_modules("import orchestrator.cli.app")
    planning = "from orchestrator.space.space import load; from orchestrator.plan.plan import make_plan"
    assert not heavy & list_imported_modules(f"{planning}; make_plan(load('digits'), None)")


def test_help_names_every_command() -> None:
    shown = advsweep("--help").stdout
    for command in ("launch", "spaces", "plan", "status", "results", "explain", "clean"):
        assert command in shown


def test_spaces_lists_what_is_shipped() -> None:
    listed = {entry["name"]: entry for entry in json.loads(advsweep("spaces", "--json").stdout)}
    assert listed["digits"]["trials"] >= 96
    assert {"smoke", "pruning_grid", "mnist_fgsm"} <= listed.keys()
    assert all(entry["description"] for entry in listed.values())


def test_a_plan_shows_what_is_shared_and_starts_nothing(space_file: Path, tmp_path: Path) -> None:
    storage = tmp_path / "storage"
    facts = json.loads(advsweep("plan", "--space", space_file, "--storage", storage, "--json").stdout)
    assert facts["trials"] == 8
    assert facts["stages"]["train"] == {"in_trials": 8, "distinct": 1, "in_store": 0, "runs": 1}
    assert facts["stages"]["attack"] == {"in_trials": 8, "distinct": 8, "in_store": 0, "runs": 4}
    assert facts["seconds"] is None
    shown = advsweep("launch", "--space", space_file, "--storage", storage, "--dry-run").stdout
    assert "sharing saves" in shown
    assert not storage.exists()


def test_set_overrides_the_file(space_file: Path) -> None:
    facts = json.loads(advsweep("plan", "--space", space_file, "--set", "prune.ratio=0.3", "--json").stdout)
    assert facts["trials"] == 4


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--space", "digist"], "did you mean 'digits'?"),
        (["--space", "nothing.yaml"], "there is no such file"),
        (["--space", "smoke", "--set", "prune.ratio=1.5"], "prune.ratio = 1.5: should be less than 1"),
        (["--space", "smoke", "--set", "attack.eps=much"], "attack.eps = 'much': is not a number"),
        (["--space", "smoke", "--set", "attack.eps=-1/255"], "attack.eps"),
        (["--space", "smoke", "--set", "model.name=resnet9"], "unknown model"),
        (["--space", "smoke", "--set", "dataset.name=minst"], "unknown data set"),
        (["--space", "smoke", "--set", "attack.name=fgms"], "did you mean 'fgsm'?"),
        (["--space", "smoke", "--set", "train.epoch=3"], "did you mean 'epochs'?"),
        (["--space", "smoke", "--set", "prune.ratio"], "path.to.setting=value"),
        (["--space", "smoke", "--set", "dataset={name: mnist}"], "needs a folder: give --data-dir"),
        (["--space", "smoke", "--set", "dataset={name: mnist}", "--data-dir", "absent"], "does not exist"),
        (["--space", "smoke", "--cpus-per-trial", "-1"], "cpus = -1.0: should be greater than 0"),
        (["--space", "smoke", "--address", "local", "--wandb", "sometimes"], "sometimes"),
    ],
)
def test_bad_input_is_one_message_and_writes_nothing(arguments: list[str], message: str, tmp_path: Path) -> None:
    storage = tmp_path / "storage"
    ended = advsweep("launch", *arguments, "--storage", storage, code=2)
    assert message in ended.stderr
    assert "Traceback" not in ended.stderr
    assert not storage.exists()


def test_a_storage_that_cannot_be_written(tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.write_text("")
    assert "is a file" in advsweep("launch", "--space", "smoke", "--storage", file, code=2).stderr
    below = file / "below"
    assert "cannot be written" in advsweep("launch", "--space", "smoke", "--storage", below, code=2).stderr


@pytest.mark.parametrize("command", ["results", "explain"])
def test_what_is_not_there_is_said(command: str, tmp_path: Path) -> None:
    assert "no sweep" in advsweep(command, "absent", "--storage", tmp_path, code=2).stderr


def test_status_of_an_empty_storage(tmp_path: Path) -> None:
    assert advsweep("status", "--storage", tmp_path).stdout.strip() == "no sweeps yet"
