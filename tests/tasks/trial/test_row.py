"""The row of a trial: what training minimised, counts and rates."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tasks.metrics import compute_wilson
from tasks.schema import TRIALS
from tasks.trial.row import complete_row, identify_model, make_failed_row, make_finished_row
from tests.support.small import FEW, context, run, stages_of, trial
from tests.support.training import FGSM, TRAIN

ENSEMBLE = {"share": 0.3, "attack": FGSM, "surrogates": [{"model": {"name": "resnet8"}}]}
AUGMENTED = {"name": "digits", "train_examples": 100, "augment": {"crop": 2}}
MIXED = {"lambda": 0.3, "attack": {"name": "ifgsm", "eps": 0.05, "steps": 4}}


def row(**sections: Any) -> dict[str, Any]:
    asked = trial(**sections)
    return make_failed_row(asked, stages_of(asked), "not run")


@pytest.mark.parametrize(
    ("sections", "objective", "share", "eps", "steps", "attack"),
    [
        ({}, "standard", None, None, None, None),
        ({"train": None}, None, None, None, None, None),
        ({"adversarial_finetune": {**TRAIN, **MIXED}}, "adversarial", 0.3, 0.05, 4, "ifgsm"),
        ({"adversarial_finetune": {**TRAIN, "lambda": 0}}, "standard", 0.0, None, None, None),
        ({"train": {**TRAIN, "ensemble": ENSEMBLE}}, "ensemble", None, None, None, None),
        ({"train": {**TRAIN, "ensemble": ENSEMBLE}, "finetune": TRAIN}, "ensemble", None, None, None, None),
        (
            {"train": {**TRAIN, "ensemble": ENSEMBLE}, "adversarial_finetune": {**TRAIN, "lambda": 0}},
            "ensemble",
            0.0,
            None,
            None,
            None,
        ),
        (
            {"train": {**TRAIN, "ensemble": ENSEMBLE}, "adversarial_finetune": {**TRAIN, **MIXED}},
            "adversarial",
            0.3,
            0.05,
            4,
            "ifgsm",
        ),
        ({"adversarial_finetune": {**TRAIN, **MIXED, "ensemble": ENSEMBLE}}, "ensemble", 0.3, 0.05, 4, "ifgsm"),
        ({"train": {**TRAIN, "objective": {"name": "adversarial", **MIXED}}}, "adversarial", 0.3, 0.05, 4, "ifgsm"),
        ({"train": {**TRAIN, "objective": {"name": "ibp", "eps": 0.05}}}, "ibp", None, 0.05, None, None),
    ],
)
def test_a_row_says_what_training_minimised(
    sections: dict[str, Any],
    objective: str | None,
    share: float | None,
    eps: float | None,
    steps: int | None,
    attack: str | None,
) -> None:
    found = row(**sections)
    assert list(found) == TRIALS.names
    told = ("objective", "lambda", "eps_train", "train_steps", "train_attack")
    assert [found[name] for name in told] == [objective, share, eps, steps, attack]
    earlier = found | {"objective": None, "train_attack": None, "bound": None}
    assert complete_row(earlier) == found, "rows of earlier releases have no such columns"


def test_a_row_of_an_earlier_release_whose_parts_are_not_known_here_is_read_without_them() -> None:
    found = row(adversarial_finetune={**TRAIN, **MIXED})
    config = json.loads(found["config"])
    config["adversarial_finetune"]["attack"]["name"] = "of somebody's own"
    earlier = found | {"config": json.dumps(config), "train_attack": None, "bound": None}
    assert complete_row(earlier) == earlier | {"bound": "upper"}


def make_record(seconds: float, started: str, finished: str, **metrics: Any) -> dict[str, Any]:
    return {
        "seconds": seconds,
        "threads": int(seconds),
        "device": f"device of {seconds:g}",
        "versions": {"torch": f"{seconds:g}"},
        "started_at": f"2026-01-01T{started}+00:00",
        "finished_at": f"2026-01-01T{finished}+00:00",
        "metrics": metrics,
    }


def test_a_finished_row_has_the_counts_of_its_attack_and_the_times_of_its_own_stages() -> None:
    surrogate = {"model": {"name": "resnet8"}, "train": {**TRAIN, "epochs": 2}}
    attack = {"name": "fgsm", "eps": 0.1, "examples": 50, "surrogate": surrogate}
    asked = trial(prune={"ratio": 0.3}, attack=attack)
    chain = stages_of(asked)
    other, train, prune, judged = chain
    counts = {"examples": 50, "clean_correct": 40, "robust_correct": 10, "classes": 10, "parameters": 9, "macs": 7}
    records = {
        other.key: make_record(1.0, "10:00:00", "10:05:00"),
        train.key: make_record(2.0, "11:00:00", "11:05:00"),
        judged.key: make_record(4.0, "12:00:00", "12:05:00", **counts, nonzero_parameters=8),
    }
    found = make_finished_row(asked, chain, records)
    assert (found["clean_accuracy"], found["robust_accuracy"], found["attack_success_rate"]) == (0.8, 0.2, 0.75)
    low, high = compute_wilson(30, 40)
    assert (found["attack_success_rate_low"], found["attack_success_rate_high"]) == (low, high)
    assert (found["robust_accuracy_low"], found["robust_accuracy_high"]) == compute_wilson(10, 50)
    assert (found["train_seconds"], found["prune_seconds"], found["attack_seconds"]) == (2.0, None, 4.0)
    assert (found["train_key"], found["prune_key"], found["attack_key"]) == (train.key, prune.key, judged.key)
    assert (found["started_at"].hour, found["finished_at"].hour) == (10, 12)
    assert (found["device"], found["versions"]) == ("device of 4", '{"torch": "4"}')
    shared = records | {judged.key: {**records[judged.key], "shared_by": 5}}
    assert make_finished_row(asked, chain, shared)["attack_seconds"] == 0.8
    assert found["threads"] == 2, "the model's weights depend on those of its training"
    assert (found["parameters"], found["nonzero_parameters"], found["macs"]) == (9, 8, 7)
    assert (found["status"], found["attack_surrogate"], found["pruning_ratio"]) == ("finished", "resnet8", 0.3)


def test_a_model_that_is_never_right_has_no_rate_of_successful_attacks() -> None:
    asked = trial()
    chain = stages_of(asked)
    counts = {"examples": 50, "clean_correct": 0, "robust_correct": 0, "parameters": 1, "nonzero_parameters": 1}
    record = make_record(1.0, "10:00:00", "10:05:00", **counts, macs=1)
    found = make_finished_row(asked, chain, {stage.key: record for stage in chain})
    assert found["attack_success_rate"] is found["attack_success_rate_low"] is None
    assert found["clean_accuracy"] == 0.0


def test_a_row_says_how_far_examples_went_in_training_and_in_evaluation(tmp_path: Path) -> None:
    """A budget of 0.2 in two steps of 0.03 is never reached; FGSM reaches its own, in its own unit."""
    short = {"name": "ifgsm", "eps": 0.2, "steps": 2, "step_size": 0.03}
    asked = trial(
        dataset=FEW,
        adversarial_finetune={**TRAIN, "lambda": 0.5, "attack": short},
        attack={"name": "fgsm", "eps": 0.5, "eps_space": "normalized", "examples": 50},
    )
    chain, records = stages_of(asked), run(asked, context(tmp_path))
    found = make_finished_row(asked, chain, {record["key"]: record for record in records})
    assert found["train_eps_reached"] == pytest.approx(0.06, abs=1e-4)
    assert found["eps_reached"] == pytest.approx(0.5, abs=1e-4)
    assert (found["bound"], found["train_attack"], found["threads"]) == ("upper", "ifgsm", 1)


def test_examples_that_are_made_once_have_their_size_from_the_images_they_were_made_of(tmp_path: Path) -> None:
    fixed = {"lambda": 1, "attack": FGSM, "fixed_examples": 60}
    asked = trial(dataset=AUGMENTED, adversarial_finetune={**TRAIN, **fixed})
    chain, records = stages_of(asked), run(asked, context(tmp_path))
    found = make_finished_row(asked, chain, {record["key"]: record for record in records})
    assert found["train_eps_reached"] == pytest.approx(FGSM["eps"], abs=1e-4)


def test_a_model_is_known_by_its_last_stage_and_by_what_stands_before_it() -> None:
    pruned = row(prune={"ratio": 0.5}, attack={"name": "fgsm", "eps": 0.1})
    assert identify_model(pruned) == pruned["prune_key"] != pruned["train_key"]
    jpeg = row(inference={"transformations": [{"name": "jpeg"}]}, attack={"name": "fgsm", "eps": 0.1})
    assert identify_model(jpeg) == f"{jpeg['train_key']}+jpeg"
    assert identify_model(dict.fromkeys(pruned)) == "", "an earlier release's row of a trial that failed"
    assert complete_row(pruned) is pruned, "there is nothing to complete"
