"""Surrogates: other models, whose stages trials share."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from tasks.stages.run import run_chain
from tasks.trial.chain import list_own_stages
from tasks.trial.row import make_finished_row
from tests.support.small import context, stages_of, trial
from tests.support.training import (
    FGSM,
    TRAIN,
)


def ensemble(**fields: Any) -> dict[str, Any]:
    surrogate = {"model": {"name": "resnet8"}, "train": {**TRAIN, "epochs": 2}}
    return {**TRAIN, "ensemble": {"share": 0.5, "attack": FGSM, "surrogates": [surrogate], **fields}}


def test_surrogates_are_stages_that_trials_share(tmp_path: Path) -> None:
    asked = trial(train=ensemble())
    stages = stages_of(asked)
    assert [stage.kind for stage in stages] == ["train", "train", "attack"]
    assert stages[1].upstream == {"surrogate_0": stages[0].key}
    assert stages[0].key == stages_of(trial(train={**TRAIN, "epochs": 2}))[0].key
    assert stages[1].key != stages_of(trial())[0].key
    assert list_own_stages(stages) == list(stages[1:])
    at = context(tmp_path)
    row = make_finished_row(asked, stages, run_chain(stages, at))
    assert row["train_key"] == stages[1].key
    assert row["status"] == "finished"


def test_another_model_in_the_ensemble_is_another_stage() -> None:
    others = [stages_of(trial(train=ensemble(**fields)))[-1].key for fields in ({}, {"include_self": True})]
    assert others[0] != others[1]
    plain = [stages_of(trial(train=ensemble(attack={"name": "fgsm", "eps": 0})))[0].key, stages_of(trial())[0].key]
    assert plain[0] == plain[1], "examples without a budget are images as they are"


def test_a_transfer_attack_builds_on_its_surrogate(tmp_path: Path) -> None:
    surrogate = {"model": {"name": "resnet8"}, "train": {**TRAIN, "epochs": 2}}
    asked = trial(attack={"name": "fgsm", "eps": 0.1, "examples": 50, "surrogate": surrogate})
    stages = stages_of(asked)
    assert [stage.kind for stage in stages] == ["train", "train", "attack"]
    assert stages[2].upstream == {"model": stages[1].key, "surrogate_0": stages[0].key}
    row = make_finished_row(asked, stages, run_chain(stages, context(tmp_path)))
    assert row["attack_surrogate"] == "resnet8"
    assert row["train_key"] == stages[1].key
    own = trial(attack={"name": "fgsm", "eps": 0, "examples": 50, "surrogate": surrogate})
    assert len(stages_of(own)) == 2, "without a budget nothing is made against anything"
