"""`inference` of a space: its label, its key, and what it leaves as it was."""

from __future__ import annotations

from typing import Any

import pytest

from orchestrator.space import space as spaces
from tasks.errors import UsageError
from tasks.evaluation.settings import AttackSettings, DefendedAttackSettings
from tasks.settings import Settings
from tasks.transformations.registry import TRANSFORMATIONS
from tasks.transformations.settings import InferenceSettings
from tasks.trial.chain import build_chain
from tests.conftest import CONFIG

JPEG: dict[str, Any] = {"transformations": [{"name": "jpeg"}]}
NOISE: dict[str, Any] = {"transformations": [{"name": "noise"}]}


def build(**changes: Any) -> spaces.Space:
    return spaces.build("test", "test", {**CONFIG, **changes})


def keys(**changes: Any) -> list[str]:
    (trial,) = build(**changes).trials
    return [stage.key for stage in build_chain(trial, "0" * 64)]


def test_the_label_names_what_is_not_a_default() -> None:
    sections = [{"name": "jpeg", "quality": 50}, {"name": "noise"}]
    settings = InferenceSettings.model_validate({"transformations": sections, "samples": 10})
    assert settings.label == "jpeg(quality 50)+noise x10"
    assert InferenceSettings.model_validate({**JPEG, "samples": 10}).simplify().label == "jpeg"


def test_training_is_shared_and_the_attack_is_not() -> None:
    plain, defended, other = keys(), keys(inference=JPEG), keys(inference=NOISE)
    assert plain[:-1] == defended[:-1] == other[:-1]
    assert len({plain[-1], defended[-1], other[-1]}) == 3


def test_a_trial_without_transformations_is_what_it_was() -> None:
    (plain,), (same,) = build().trials, build(inference=None).trials
    assert plain.trial_id == same.trial_id
    assert type(build_chain(plain, "0" * 64)[-1].settings) is AttackSettings
    (defended,) = build(inference=JPEG).trials
    assert isinstance(build_chain(defended, "0" * 64)[-1].settings, DefendedAttackSettings)
    assert defended.trial_id != plain.trial_id
    assert defended.replicate_id != plain.replicate_id


@pytest.mark.parametrize(
    ("inference", "count"), [(None, 1), (JPEG, 2), (NOISE, 0)], ids=["none", "not random", "random"]
)
def test_how_an_attack_sees_matters_where_there_is_something_to_see(inference: Any, count: int) -> None:
    attack: dict[str, Any] = dict(CONFIG["attack"])  # type: ignore[call-overload]
    looks, adaptive = {"eot_samples": {"grid_search": [5, 30]}}, {"grid_search": [True, False]}
    inferences = {"grid_search": [inference and {**inference, **looks}, {**NOISE, **looks}]}
    assert len(build(inference=inferences, attack={**attack, "adaptive": adaptive}).trials) == count + 4


def test_a_wrong_name_is_answered_with_the_nearest() -> None:
    with pytest.raises(UsageError, match=r"'jpg'.*jpeg"):
        build(inference={"transformations": [{"name": "jpg"}]})
    with pytest.raises(UsageError, match=r"inference\.transformations"):
        build(inference={"transformations": []})


@pytest.mark.parametrize("name", sorted(TRANSFORMATIONS))
def test_settings_say_where_a_transformation_is_from(name: str) -> None:
    settings = TRANSFORMATIONS.load(name)
    assert issubclass(settings, Settings)
    assert "arXiv" in settings.paper
