"""`advsweep evaluate`."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from orchestrator import launch as story
from orchestrator.options import LaunchOptions
from orchestrator.plan.plan import make_plan
from orchestrator.space.space import Space
from orchestrator.store.sweep_store import SweepStore
from tests.support.command_line import run_here
from tests.support.harness import advsweep, rows
from tests.support.rows import row as make_row
from tests.support.small import context, run, stages_of, trial


@pytest.mark.slow
@pytest.mark.cluster
def test_a_file_of_weights_and_an_attack_give_one_number(tmp_path: Path) -> None:
    asked = trial(dataset={"name": "digits", "image_size": 16}, attack={"name": "fgsm", "eps": "8/255", "examples": 60})
    trained = run(asked, context(tmp_path / "trained"))
    file = tmp_path / "trained" / "stages" / stages_of(asked)[0].key / "model.safetensors"
    words: list[str | Path] = [
        "evaluate",
        "--weights",
        file,
        "--model",
        "resnet8",
        "--dataset",
        "digits",
        "--attack",
        "fgsm",
    ]
    words += ["--eps", "8/255", "--set", "dataset.image_size=16", "--set", "attack.examples=60"]
    words += ["--storage", tmp_path / "s"]
    (found,) = json.loads(advsweep(*words, "--json").stdout)
    metrics = trained[-1]["metrics"]
    assert (found["examples"], found["clean_correct"], found["robust_correct"]) == (
        metrics["examples"], metrics["clean_correct"], metrics["robust_correct"],
    )  # fmt: skip
    (row,) = rows(tmp_path / "s")
    assert row["trial_id"] == found["trial_id"]
    again = advsweep(*words).stdout
    assert f"robust accuracy {100 * found['robust_accuracy']:.2f} % ({found['robust_correct']} of 60; 95 %" in again


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--model", "resnet9"], "did you mean 'resnet8'"),
        (["--weights", "none.pt"], "--weights = 'none.pt': is neither `imagenet` nor a file"),
        (["--eps", "8"], "--eps = 8.0: no image of [0, 1] needs a budget above 1 in linf; did you mean 8/255?"),
        (
            ["--attack", "fgms"],
            "evaluate with --set model.stem=imagenet: 1 problem\n  --attack = 'fgms': unknown attack",
        ),
    ],
)
def test_a_mistake_is_named(options: list[str], message: str, tmp_path: Path) -> None:
    given = {"--weights": "imagenet", "--model": "resnet18", "--dataset": "digits", "--attack": "pgd", "--eps": "0.1"}
    given |= dict(zip(options[::2], options[1::2], strict=True))
    words = [word for pair in given.items() for word in pair]
    ended = run_here("evaluate", *words, "--set", "model.stem=imagenet", "--storage", tmp_path / "s")
    assert ended.code == 2
    assert message in ended.stderr
    assert not (tmp_path / "s").exists()


def test_the_number_of_each_trial_is_said_with_its_interval(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[Any] = []

    def play(space: Space, options: LaunchOptions, console: Console) -> int:
        asked.append((space, options, console.stderr))
        found = make_row({"name": "pgd", "eps": "8/255", "steps": 5}, 300)
        rows = [found | {"trial_id": name, "robust_correct": robust} for name, robust in (("b", 100), ("a", 300))]
        planned = make_plan(space, None, without_data=True).sweep_id
        monkeypatch.setattr(SweepStore, "rows", lambda sweep: rows if sweep.sweep_id == planned else [])
        return len(asked) - 1

    monkeypatch.setattr(story, "launch_space", play)
    file = tmp_path / "net.pt"
    file.write_bytes(b"weights")
    words: list[str | Path] = [
        "evaluate", "--weights", file, "--model", "resnet8", "--dataset", "digits", "--attack", "pgd", "--eps", "8/255",
        "--set", "attack.steps=7", "--set", "seed=3", "--storage", tmp_path / "s", "--data-dir", tmp_path, "--device",
        "cpu",
    ]  # fmt: skip
    ended = run_here(*words)
    assert ended.code == 0, ended
    lines = ended.stdout.splitlines()
    assert len(lines) == 4
    assert lines[0] == "clean accuracy 95.00 % (950 of 1000; 95 % interval 93.47 % to 96.19 %)"
    assert lines[1] == "robust accuracy 30.00 % (300 of 1000; 95 % interval 27.24 % to 32.91 %), a"
    assert lines[3].endswith(", b"), "by the ids of the trials"
    (space, options, to_errors), *_ = asked
    assert options == LaunchOptions(
        "evaluate", storage=str(tmp_path / "s"), data_dir=tmp_path, device="cpu", wandb="disabled"
    )
    (asked_trial,) = space.trials
    assert (asked_trial.seed, asked_trial.attack.method.eps, asked_trial.attack.document()["steps"]) == (3, 8 / 255, 7)
    assert (asked_trial.model.name, asked_trial.dataset.name, to_errors) == ("resnet8", "digits", True)
    ended = run_here(*words, "--json")
    assert (ended.code, ended.stdout) == (1, ""), "no answer where the trial failed"
