"""`advsweep evaluate`."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.support.harness import advsweep, rows
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
        (["--weights", "none.pt"], "neither `imagenet` nor a file"),
        (["--attack", "fgms"], "evaluate: 1 problem\n  attack.name = 'fgms': unknown attack"),
    ],
)
def test_a_mistake_is_named(options: list[str], message: str, tmp_path: Path) -> None:
    given = {"--weights": "imagenet", "--model": "resnet18", "--dataset": "digits", "--attack": "pgd", "--eps": "0.1"}
    given |= dict(zip(options[::2], options[1::2], strict=True))
    words = [word for pair in given.items() for word in pair]
    ended = advsweep("evaluate", *words, "--set", "model.stem=imagenet", "--storage", tmp_path / "s", code=2)
    assert message in ended.stderr
    assert not (tmp_path / "s").exists()
