"""`advsweep launch`: mistakes on its command line, and variables that stand for options."""

from __future__ import annotations

from pathlib import Path

import pytest

from orchestrator import launch as story
from orchestrator.options import LaunchOptions
from tests.support.command_line import run_here


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--space", "digist"], "did you mean 'digits'?"),
        (["--space", "nothing.yaml"], "there is no such file"),
        (["--space", "/"], "--space /: is a folder: name a YAML file"),
        (["--space", "smoke", "--set", "model.name=quant"], "wide_resnet50_2\n"),
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
        (
            ["--space", "smoke", "--cpus-per-trial", "-1"],
            "--cpus-per-trial -1: should be greater than or equal to 0.01",
        ),
        (["--space", "smoke", "--gpus-per-trial", "2.5"], "--gpus-per-trial 2.5: "),
        (["--space", "smoke", "--address", "local", "--wandb", "sometimes"], "sometimes"),
    ],
)
def test_bad_input_is_one_message_and_writes_nothing(arguments: list[str], message: str, tmp_path: Path) -> None:
    storage = tmp_path / "storage"
    ended = run_here("launch", *arguments, "--storage", storage)
    assert ended.code == 2
    assert message in ended.stderr
    assert not ended.shows_defect
    assert not storage.exists()


def test_a_storage_that_cannot_be_written(tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.write_text("")
    assert "is a file" in run_here("launch", "--space", "smoke", "--storage", file).stderr
    below = run_here("launch", "--space", "smoke", "--storage", file / "below")
    assert below.code == 2
    assert f"error: {file / 'below'}" in below.stderr


def test_variables_stand_for_options_and_give_way_to_them(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    read: list[LaunchOptions] = []
    monkeypatch.setattr(story, "launch", lambda options, _: read.append(options))
    monkeypatch.setenv("ADVSWEEP_STORAGE", "s3://bucket/a")
    monkeypatch.setenv("ADVSWEEP_DATA_DIR", str(tmp_path))
    monkeypatch.setenv("ADVSWEEP_ADDRESS", "auto")
    run_here("launch", "--space", "digits")
    run_here("launch", "--space", "digits", "--storage", "b", "--data-dir", "c", "--address", "local")
    assert read == [
        LaunchOptions("digits", [], "s3://bucket/a", tmp_path, "auto", timeouts=[], plugins=[]),
        LaunchOptions("digits", [], "b", Path("c"), "local", timeouts=[], plugins=[]),
    ]


@pytest.mark.parametrize("code", [0, 1, 130])
def test_the_exit_code_is_that_of_the_launch(code: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(story, "launch", lambda *_: code)
    assert run_here("launch", "--space", "digits").code == code
