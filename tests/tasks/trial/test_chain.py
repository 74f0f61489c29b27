"""The stages of a trial: what changes a key, and what is shared."""

from __future__ import annotations

from typing import Any

import pytest

from tasks.keys import hash_json
from tasks.trial.chain import build_chain, make_run_key
from tasks.trial.trial import Trial, simplify_trial
from tests.conftest import CONFIG
from tests.support.keys import DATA, changed, compute_keys


@pytest.mark.parametrize(
    ("path", "value"),
    [("dataset.root", "elsewhere"), ("attack.batch_size", 7)],
)
def test_what_does_not_change_the_outcome_changes_no_key(path: str, value: Any) -> None:
    assert compute_keys(changed(path, value)) == compute_keys(CONFIG)


def test_the_order_of_a_file_changes_no_key() -> None:
    backwards = {name: CONFIG[name] for name in reversed(CONFIG)}
    backwards["train"] = dict(reversed(CONFIG["train"].items()))  # type: ignore[attr-defined]
    assert compute_keys(backwards) == compute_keys(CONFIG)


@pytest.mark.parametrize(
    ("path", "value", "first"),
    [
        ("seed", 1, "train"),
        ("dataset.image_size", 32, "train"),
        ("dataset.augment.flip", True, "train"),
        ("model.mean", 0.4, "train"),
        ("train.epochs", 3, "train"),
        ("prune.ratio", 0.25, "prune"),
        ("finetune.batch_size", 32, "finetune"),
        ("adversarial_finetune.lambda", 0.9, "adversarial_finetune"),
        ("adversarial_finetune.attack.eps", "4/255", "adversarial_finetune"),
        ("attack.eps", "4/255", "attack"),
        ("attack.stop_when_fooled", False, "attack"),
    ],
)
def test_a_setting_changes_its_stage_and_what_builds_on_it(path: str, value: Any, first: str) -> None:
    before, after = compute_keys(CONFIG), compute_keys(changed(path, value))
    order = list(before)
    same = [kind for kind in order if before[kind] == after[kind]]
    assert same == order[: order.index(first)]


def test_other_data_changes_every_key() -> None:
    assert not set(compute_keys(CONFIG).values()) & set(compute_keys(CONFIG, "1" * 64).values())


def test_a_skipped_stage_is_no_part_of_the_chain() -> None:
    assert list(compute_keys(changed("prune", None))) == ["train", "finetune", "adversarial_finetune", "attack"]


def test_attacks_that_differ_only_in_steps_share_one_run() -> None:
    def run(**fields: Any) -> str:
        attack = {"name": "ifgsm", "eps": "8/255", **fields}
        trial = simplify_trial(Trial.model_validate(CONFIG | {"attack": attack}))
        return make_run_key(build_chain(trial, DATA)[-1])

    assert run(steps=4) == run(steps=20)
    assert run(steps=4) != run(steps=4, eps="4/255")
    step = {"steps": 4, "step_size": "2/255"}
    assert run(**step) != run(**step, eps="4/255"), "another budget is another run, whatever the steps"
    assert run(steps=4) != run(steps=2), "two steps are longer, so that they reach the budget"
    assert run(steps=1, step_size="2/255") == run(steps=20), "one size of step, however it is written"
    assert run(steps=2) == run(steps=20, step_size="4/255")
    assert compute_keys(changed("attack.steps", 20))["attack"] != compute_keys(CONFIG)["attack"]


def test_text_that_is_put_together_is_the_text_of_the_whole() -> None:
    trial = simplify_trial(Trial.model_validate(CONFIG))
    assert trial.trial_id == hash_json(trial.canonical())[:16]
    assert trial.replicate_id == hash_json({**trial.canonical(), "seed": None})[:16]
    stages = build_chain(trial, DATA)
    assert [stage.key for stage in stages] == [hash_json(stage.identity) for stage in stages]
    shared = {**stages[-1].identity, "settings": trial.attack.shared()}
    assert make_run_key(stages[-1]) == hash_json(shared)
