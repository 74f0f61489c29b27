"""`python -m tasks`: one trial without Ray and W&B."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from tasks.__main__ import main
from tests.conftest import CONFIG
from tests.support.harness import LIMIT


@pytest.fixture
def config(tmp_path: Path) -> Path:
    """A trial of three stages."""
    return write(tmp_path, {"finetune": None, "adversarial_finetune": None})


def write(folder: Path, changes: dict[str, Any]) -> Path:
    file = folder / "trial.yaml"
    file.write_text(yaml.safe_dump(CONFIG | changes))
    return file


@pytest.mark.slow
def test_a_trial_prints_its_row_and_computes_nothing_twice(
    config: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    storage = tmp_path / "storage"
    words = ["--config", str(config), "--storage", str(storage)]
    command = [sys.executable, "-X", "importtime", "-m", "tasks", *words]
    first = subprocess.run(command, capture_output=True, text=True, check=True, timeout=LIMIT)
    imported = {line.rpartition("|")[2].strip() for line in first.stderr.splitlines()}
    assert "torch" in imported
    assert not {"ray", "wandb", "sklearn"} & imported, "each would take a second or more"
    row = json.loads(first.stdout)
    assert (row["status"], row["pruning_ratio"], row["attack_steps"], row["device"]) == ("finished", 0.5, 3, "cpu")
    stages = {folder.name: (folder / "stage.json").read_bytes() for folder in (storage / "stages").iterdir()}
    assert set(stages) == {row["train_key"], row["prune_key"], row["attack_key"]}
    assert main([*words, "--device", "cpu", "--threads", "1"]) == 0
    assert json.loads(capsys.readouterr().out) == row
    assert {folder.name: (folder / "stage.json").read_bytes() for folder in (storage / "stages").iterdir()} == stages


@pytest.mark.parametrize(
    ("changes", "code", "message"),
    [
        ({"seed": {"grid_search": [0, 1]}}, 2, "error: "),
        ({"prune": {"ratio": 1.5}}, 2, "prune.ratio = 1.5: should be less than 1"),
        ({"dataset": {"name": "mnist"}}, 2, "--data-dir"),
        ({"prune": {"ratio": 0.5, "scope": "nowhere"}}, 1, "failed: prune.scope = 'nowhere'"),
    ],
)
def test_what_is_wrong_is_said_with_the_exit_code(
    changes: dict[str, Any], code: int, message: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    config = write(tmp_path, {"finetune": None, "adversarial_finetune": None} | changes)
    assert main(["--config", str(config), "--storage", str(tmp_path / "storage")]) == code
    told = capsys.readouterr()
    assert message in told.err
    assert not told.out
    assert (tmp_path / "storage").exists() == (code == 1)


def test_the_folder_of_the_data_is_given(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    config = write(tmp_path, {"dataset": {"name": "mnist"}})
    assert main(["--config", str(config), "--storage", str(tmp_path / "s"), "--data-dir", str(tmp_path / "x")]) == 2
    assert str(tmp_path / "x") in capsys.readouterr().err
