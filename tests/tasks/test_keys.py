"""Stage keys: pinned, complete, and blind to what does not change the outcome."""

from __future__ import annotations

import json
import pickle
from pathlib import Path
from typing import Any

import pytest

from orchestrator.space.resources import Resources
from tasks.attacks.registry import ATTACKS
from tasks.data.settings import DatasetSettings
from tasks.evaluation.settings import AttackSettings
from tasks.keys import format_canonical_json, hash_json
from tasks.settings import Settings
from tasks.training.basic import OPTIMIZERS
from tasks.training.objectives.registry import OBJECTIVES
from tasks.training.schedules import SCHEDULES
from tasks.trial.chain import build_chain, make_run_key
from tasks.trial.trial import Trial, simplify_trial
from tests.conftest import CONFIG

DATA = "0" * 64
GOLDEN = Path(__file__).parent / "golden_keys.json"


def keys(config: dict[str, Any], data: str = DATA) -> dict[str, str]:
    trial = simplify_trial(Trial.model_validate(config))
    return {stage.kind: stage.key for stage in build_chain(trial, data)}


def changed(path: str, value: Any) -> dict[str, Any]:
    config: dict[str, Any] = json.loads(json.dumps(CONFIG))
    *sections, name = path.split(".")
    node = config
    for section in sections:
        node = node.setdefault(section, {})
    node[name] = value
    return config


def test_golden_keys() -> None:
    """Old artifacts stay valid only while these stand: a change here needs a raised stage version, and a reason."""
    assert keys(CONFIG) == json.loads(GOLDEN.read_text())


def settings_classes(base: type[Settings] = Settings) -> list[type[Settings]]:
    found = [sub for cls in base.__subclasses__() for sub in settings_classes(cls)]
    return ([] if base is Settings else [base]) + found


REGISTERED = [registry.load(name) for registry in (ATTACKS, OBJECTIVES, OPTIMIZERS, SCHEDULES) for name in registry]
"""Classes that may be imported for their names alone."""


@pytest.mark.parametrize("cls", settings_classes(), ids=lambda cls: cls.__name__)
def test_every_field_is_classified(cls: type[Settings]) -> None:
    for name, field in cls.model_fields.items():
        extra = field.json_schema_extra
        assert isinstance(extra, dict), f"{cls.__name__}.{name}: declare it with keyed() or unkeyed()"
        assert isinstance(extra.get("keyed"), bool)


def test_resources_are_in_no_key() -> None:
    assert Resources(cpus=4, gpus=1).canonical() == {}


@pytest.mark.parametrize(
    ("path", "value"),
    [("dataset.root", "elsewhere"), ("attack.batch_size", 7)],
)
def test_what_does_not_change_the_outcome_changes_no_key(path: str, value: Any) -> None:
    assert keys(changed(path, value)) == keys(CONFIG)


def test_the_order_of_a_file_changes_no_key() -> None:
    backwards = {name: CONFIG[name] for name in reversed(CONFIG)}
    backwards["train"] = dict(reversed(CONFIG["train"].items()))  # type: ignore[attr-defined]
    assert keys(backwards) == keys(CONFIG)


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
    before, after = keys(CONFIG), keys(changed(path, value))
    order = list(before)
    same = [kind for kind in order if before[kind] == after[kind]]
    assert same == order[: order.index(first)]


def test_other_data_changes_every_key() -> None:
    assert not set(keys(CONFIG).values()) & set(keys(CONFIG, "1" * 64).values())


def test_a_skipped_stage_is_no_part_of_the_chain() -> None:
    assert list(keys(changed("prune", None))) == ["train", "finetune", "adversarial_finetune", "attack"]


def test_attacks_that_differ_only_in_steps_share_one_run() -> None:
    def run(path: str, value: Any) -> str:
        trial = simplify_trial(Trial.model_validate(changed(path, value)))
        return make_run_key(build_chain(trial, DATA)[-1])

    assert run("attack.steps", 3) == run("attack.steps", 20)
    assert run("attack.steps", 3) != run("attack.eps", "4/255")
    assert keys(changed("attack.steps", 20))["attack"] != keys(CONFIG)["attack"]


def test_canonical_settings_are_plain_json() -> None:
    trial = Trial.model_validate(CONFIG)
    assert json.loads(json.dumps(trial.canonical())) == trial.canonical()
    assert isinstance(trial.attack, AttackSettings)
    assert isinstance(trial.dataset, DatasetSettings)


def test_text_that_is_put_together_is_the_text_of_the_whole() -> None:
    trial = simplify_trial(Trial.model_validate(CONFIG))
    assert trial.trial_id == hash_json(trial.canonical())[:16]
    assert trial.replicate_id == hash_json({**trial.canonical(), "seed": None})[:16]
    stages = build_chain(trial, DATA)
    assert [stage.key for stage in stages] == [hash_json(stage.identity) for stage in stages]
    shared = {**stages[-1].identity, "settings": trial.attack.shared()}
    assert make_run_key(stages[-1]) == hash_json(shared)


def test_a_changed_copy_keeps_nothing_of_the_original() -> None:
    before = AttackSettings.model_validate(CONFIG["attack"])
    kept = (hash(before), before.canonical_text, before.shared_text)
    after = before.model_copy(update={"examples": 7})
    assert (hash(after), after.canonical_text, after.shared_text) != kept
    assert after.canonical_text == format_canonical_json(after.canonical())
    again = pickle.loads(pickle.dumps(before))
    assert vars(again).keys() == AttackSettings.model_fields.keys()
    assert (again, hash(again), again.canonical_text) == (before, hash(before), before.canonical_text)
