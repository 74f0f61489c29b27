"""Expected times: work from the settings, speed from what was measured."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from orchestrator.plan.estimates import Speeds, estimate_work
from orchestrator.plan.plan import Plan, make_plan
from orchestrator.space import space as spaces
from tasks.generators.denoiser.settings import DenoiserSettings
from tasks.trial.chain import Stage
from tests.conftest import CONFIG


def planned(**changes: Any) -> Plan:
    return make_plan(spaces.build("test", "test", {**CONFIG, **changes}))


PLAN = planned()


def of(kind: str, plan: Plan = PLAN) -> Stage:
    return next(stage for stage in plan.stages.values() if stage.kind == kind)


def seconds(speeds: Speeds, kind: str, plan: Plan = PLAN) -> float:
    stage = of(kind, plan)
    return speeds.seconds(stage, plan.data[stage.dataset])


def test_work_counts_the_passes_of_the_images() -> None:
    data = next(iter(PLAN.data.values()))
    assert (data.train_images, data.test_images) == (1617, 180)
    assert estimate_work(of("train"), data) == pytest.approx(2 * 3 * 200 / 1000), (
        "of 200 images: the space asks for no more"
    )
    longer = planned(train={**CONFIG["train"], "epochs": 8})  # type: ignore[dict-item]
    assert estimate_work(of("train", longer), data) == pytest.approx(4 * estimate_work(of("train"), data))
    held_out = planned(dataset={**CONFIG["dataset"], "split": {"test": 0.1, "validation": 0.25}})  # type: ignore[dict-item]
    assert estimate_work(of("train", held_out), data) == pytest.approx(0.75 * estimate_work(of("train"), data))
    fewer = planned(attack={**CONFIG["attack"], "examples": 45})  # type: ignore[dict-item]
    assert estimate_work(of("attack", fewer), data) == pytest.approx(estimate_work(of("attack"), data) / 4)


def test_a_speed_is_the_median_of_what_was_measured() -> None:
    unknown = Speeds.measured(PLAN, {})
    assert not unknown.known
    data = PLAN.data[of("attack").dataset]
    assert seconds(unknown, "attack") == estimate_work(of("attack"), data), "in units of work, where nothing was timed"
    keys = {stage.kind: key for key, stage in PLAN.stages.items()}
    speeds = Speeds.measured(PLAN, {keys["train"]: {"seconds": 6.0}, "of another plan": {"seconds": 1e9}})
    assert seconds(speeds, "train") == pytest.approx(6)
    longer = planned(train={**CONFIG["train"], "epochs": 8})  # type: ignore[dict-item]
    assert seconds(speeds, "train", longer) == pytest.approx(24)
    rate = 6 / estimate_work(of("train"), data)
    assert seconds(speeds, "attack") == pytest.approx(rate * estimate_work(of("attack"), data)), "no speed of its own"


def test_nothing_is_forecast_from_another_attack_or_from_a_much_smaller_one() -> None:
    speeds = Speeds.measured(PLAN, {of("attack").key: {"seconds": 3.0}})

    def forecast(**attack: Any) -> float | None:
        plan = planned(attack={**CONFIG["attack"], **attack})  # type: ignore[dict-item]
        return speeds.forecast(of("attack", plan), plan.data[of("attack", plan).dataset])

    assert forecast() == pytest.approx(3)
    assert forecast(steps=1) == pytest.approx(3 * (1 + 3) / (1 + 3 * 3)), "fewer steps take less"
    assert forecast(steps=100) is None
    assert forecast(name="pgd") is None
    assert speeds.forecast(of("train"), PLAN.data[of("train").dataset]) is None


def test_one_slow_run_among_many_does_not_count() -> None:
    plan = planned(seed={"grid_search": [0, 1, 2]})
    keys = [key for key, stage in plan.stages.items() if stage.kind == "train"]
    records = {key: {"seconds": taken} for key, taken in zip(keys, (6.0, 90.0, 7.0), strict=True)}
    assert seconds(Speeds.measured(plan, records), "train", plan) == pytest.approx(7)


def test_a_model_that_was_timed_has_its_own_speed() -> None:
    plan = planned(model={"grid_search": [{"name": "resnet8"}, {"name": "resnet18"}]})
    stages = {stage.model.name: (key, stage) for key, stage in plan.stages.items() if stage.kind == "train"}
    slow, fast = stages["resnet18"], stages["resnet8"]
    speeds = Speeds.measured(plan, {slow[0]: {"seconds": 60.0}, fast[0]: {"seconds": 6.0}})
    for (_, stage), expected in ((slow, 60), (fast, 6)):
        assert speeds.seconds(stage, plan.data[stage.dataset]) == pytest.approx(expected)


def test_an_attack_through_random_transformations_looks_several_times() -> None:
    defended = planned(inference={"transformations": [{"name": "noise"}], "eot_samples": 4})
    data = next(iter(PLAN.data.values()))
    assert estimate_work(of("attack", defended), data) == pytest.approx(4 * estimate_work(of("attack"), data))


def test_the_work_of_a_generator_is_its_training_unless_it_comes_with_weights() -> None:
    stage, (data,) = of("train"), PLAN.data.values()
    work = [estimate_work(replace(stage, settings=DenoiserSettings(epochs=epochs)), data) for epochs in (4, 12)]
    assert work == pytest.approx([4 * DenoiserSettings.passes * 0.2, 12 * DenoiserSettings.passes * 0.2])


def test_a_training_on_fixed_examples_passes_over_these_alone() -> None:
    works = []
    for fixed in (50, 100, 200):
        tuning = {**CONFIG["adversarial_finetune"], "lambda": 1, "fixed_examples": fixed}  # type: ignore[dict-item]
        plan = planned(adversarial_finetune=tuning)
        stage = of("adversarial_finetune", plan)
        works.append(estimate_work(stage, plan.data[stage.dataset]))
    assert works == pytest.approx([works[0], 2 * works[0], 4 * works[0]])
