"""Surrogates: other models, whose stages trials share."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tasks.stages.run import run_chain
from tasks.training.surrogate import SurrogateSettings
from tasks.trial.chain import build_chain, list_own_stages
from tasks.trial.row import make_finished_row
from tasks.trial.trial import Trial, simplify_trial
from tests.conftest import CONFIG
from tests.support.small import FEW, context, stages_of, trial
from tests.support.training import (
    FGSM,
    TRAIN,
)


def ensemble(**fields: Any) -> dict[str, Any]:
    surrogate = {"model": {"name": "resnet8"}, "train": {**TRAIN, "epochs": 2}}
    return {**TRAIN, "ensemble": {"share": 0.5, "attack": FGSM, "surrogates": [surrogate], **fields}}


def test_surrogates_are_stages_that_trials_share(tmp_path: Path) -> None:
    asked = trial(dataset=FEW, train=ensemble())
    stages = stages_of(asked)
    assert [stage.kind for stage in stages] == ["train", "train", "attack"]
    assert stages[1].upstream == {"surrogate_0": stages[0].key}
    assert stages[0].key == stages_of(trial(dataset=FEW, train={**TRAIN, "epochs": 2}))[0].key
    assert stages[1].key != stages_of(trial(dataset=FEW))[0].key
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


def test_stages_of_a_surrogate_that_would_do_nothing_are_left_out() -> None:
    nothing = {"prune": {"ratio": 0.0}, "finetune": {**TRAIN, "epochs": 0}}
    content = {"model": {"name": "resnet8"}, "train": {**TRAIN, "epochs": 2}}
    found, plain = (SurrogateSettings.model_validate(content | more).simplify() for more in (nothing, {}))
    assert found == plain
    assert SurrogateSettings.model_validate(content | {"prune": {"ratio": 0.5}}).simplify() != plain


def test_a_transfer_attack_builds_on_its_surrogate(tmp_path: Path) -> None:
    surrogate = {"model": {"name": "resnet8"}, "train": {**TRAIN, "epochs": 2}}
    asked = trial(dataset=FEW, attack={"name": "fgsm", "eps": 0.1, "examples": 50, "surrogate": surrogate})
    stages = stages_of(asked)
    assert [stage.kind for stage in stages] == ["train", "train", "attack"]
    assert stages[2].upstream == {"model": stages[1].key, "surrogate_0": stages[0].key}
    row = make_finished_row(asked, stages, run_chain(stages, context(tmp_path)))
    assert row["attack_surrogate"] == "resnet8"
    assert row["train_key"] == stages[1].key
    own = trial(dataset=FEW, attack={"name": "fgsm", "eps": 0, "examples": 50, "surrogate": surrogate})
    assert len(stages_of(own)) == 2, "without a budget nothing is made against anything"


def test_a_transfer_attack_builds_on_a_surrogate_of_its_own_seed_and_runs_to_the_end() -> None:
    surrogate = {"seed": 7, "model": {"name": "resnet8"}, "train": CONFIG["train"]}
    raw = {**CONFIG, "seed": 0, "attack": {**CONFIG["attack"], "surrogate": surrogate}}  # type: ignore[dict-item]
    trial = simplify_trial(Trial.model_validate(raw))
    other, *own = build_chain(trial, "0" * 64)
    assert (other.kind, other.seed) == ("train", 7)
    assert own[-1].kind == "attack"
    assert own[-1].upstream == {"model": own[-2].key, "surrogate_0": other.key}
    assert trial.attack.stop_when_fooled is False


def test_a_surrogate_is_any_chain_and_shares_its_stages() -> None:
    sections = ("model", "train", "prune", "finetune", "adversarial_finetune")
    other = {name: CONFIG[name] for name in sections}
    raw = {**CONFIG, "prune": None, "finetune": None, "adversarial_finetune": None}
    raw["attack"] = {**CONFIG["attack"], "surrogate": {**other, "seed": 7}}  # type: ignore[dict-item]
    trial = simplify_trial(Trial.model_validate(raw))
    stages = build_chain(trial, "0" * 64)
    expected = build_chain(simplify_trial(Trial.model_validate({**CONFIG, "seed": 7})), "0" * 64)[:-1]
    assert [stage.key for stage in stages[:4]] == [stage.key for stage in expected]
    assert stages[-1].upstream == {"model": stages[4].key, "surrogate_0": expected[-1].key}
    assert [stage.kind for stage in list_own_stages(stages)] == ["train", "attack"]
    assert trial.attack.surrogate is not None
    assert trial.attack.surrogate.label == "resnet8 seed 7 pruning_ratio 0.5 finetuned lambda 0.5 eps_train 0.0313725"


def test_stages_that_a_surrogate_does_not_name_are_in_no_key() -> None:
    surrogate = SurrogateSettings.model_validate({"model": {"name": "resnet8"}, "train": CONFIG["train"]})
    assert set(surrogate.canonical()) == {"seed", "model", "train"}
    empty = {"prune": {"ratio": 0}, "finetune": {**CONFIG["finetune"], "epochs": 0}}  # type: ignore[dict-item]
    same = SurrogateSettings.model_validate({"model": {"name": "resnet8"}, "train": CONFIG["train"], **empty})
    assert same.simplify() == surrogate.simplify()
    assert set(same.document()) == set(SurrogateSettings.model_fields)


@pytest.mark.parametrize(("seed", "expected"), [(None, 3), (0, 0), (7, 7)])
def test_a_surrogate_has_its_own_seed_or_that_of_the_trial(seed: int | None, expected: int) -> None:
    surrogate = {"model": {"name": "resnet8"}, "train": {**TRAIN, "epochs": 2}, "seed": seed}
    other, own, attack = stages_of(
        trial(seed=3, train={**TRAIN, "ensemble": {"attack": FGSM, "surrogates": [surrogate]}})
    )
    assert (other.seed, own.seed, attack.seed) == (expected, 3, 3)


def test_a_surrogate_that_is_the_model_itself_is_one_stage() -> None:
    """A transfer attack from the same model, made in the same way."""
    surrogate = {"model": {"name": "resnet8"}, "train": TRAIN}
    stages = stages_of(trial(attack={"name": "fgsm", "eps": 0.1, "examples": 50, "surrogate": surrogate}))
    assert [stage.kind for stage in stages] == ["train", "attack"]
    assert stages[1].upstream == {"model": stages[0].key, "surrogate_0": stages[0].key}


def test_the_chain_of_a_surrogate_is_that_of_a_trial_which_makes_the_same_model() -> None:
    made = {"train": TRAIN, "prune": {"ratio": 0.3}, "adversarial_finetune": {**TRAIN, "lambda": 0.3, "attack": FGSM}}
    surrogate = {"model": {"name": "resnet8"}, "seed": 5, **made}
    stages = stages_of(trial(attack={"name": "fgsm", "eps": 0.1, "examples": 50, "surrogate": surrogate}))
    same = stages_of(trial(seed=5, **made))[:-1]
    assert [stage.key for stage in stages[:3]] == [stage.key for stage in same]
    assert stages[-1].upstream["surrogate_0"] == same[-1].key
    label = trial(attack={"name": "fgsm", "eps": 0.1, "surrogate": surrogate}).attack.surrogate
    assert label is not None
    assert label.label == "resnet8 seed 5 pruning_ratio 0.3 lambda 0.3 eps_train 0.1"
