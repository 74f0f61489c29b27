"""Why a stage has to run: what the nearest stored stage of its kind differs in."""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from orchestrator.plan.plan import make_plan, plan_text
from orchestrator.results import explain
from orchestrator.results.explain import explain_trial, list_differences
from orchestrator.space import space as spaces
from orchestrator.store.sweep_store import SweepStore
from tasks.errors import UsageError
from tasks.plugins.load import PLUGINS
from tasks.plugins.source import know_source
from tasks.pruning.registry import IMPORTANCES
from tasks.stages.context import Context
from tasks.stages.run import run_stages
from tasks.storage.stage_store import StageStore
from tasks.storage.storage import Storage, open_storage
from tasks.trial import chain
from tests.conftest import CONFIG


def planned(storage: Storage, **changes: Any) -> str:
    """Write the plan of a sweep of one trial; the trial's id."""
    plan = make_plan(spaces.build("test", "test", {**CONFIG, **changes}), None)
    storage.write(SweepStore(storage, plan.sweep_id).path("plan.json"), plan_text(plan))
    return plan.trials[0].trial_id


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A storage in which the training stage of CONFIG is finished; nobody changes it."""
    folder = tmp_path_factory.mktemp("trained") / "storage"
    plan = make_plan(spaces.build("test", "test", CONFIG), None)
    run_stages([plan.trials[0].chain[0]], Context(StageStore(open_storage(folder)), sweep_id="earlier"))
    return folder


@pytest.fixture
def storage(trained: Path, tmp_path: Path) -> Storage:
    """A copy of it."""
    shutil.copytree(trained, tmp_path / "storage")
    return open_storage(tmp_path / "storage")


def reasons(storage: Storage, **changes: Any) -> dict[str, str]:
    return {line.kind: line.reason for line in explain_trial(storage, planned(storage, **changes))}


def test_a_stored_stage_says_where_it_is_from(storage: Storage) -> None:
    found = reasons(storage)
    assert found["train"].startswith("reused from sweep earlier")
    assert found["prune"] == "must run: no prune stage is stored"


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"seed": 3}, "seed: 0 -> 3"),
        ({"train": {**CONFIG["train"], "epochs": 9}}, "settings.epochs: 2 -> 9"),  # type: ignore[dict-item]
        ({"model": {"name": "resnet18"}}, "model.name: resnet8 -> resnet18"),
        ({"model": {"name": "resnet8", "mean": 0.25, "std": 0.5}}, "model.mean: 0.5 -> 0.25"),
    ],
)
def test_other_settings_are_named(storage: Storage, changes: dict[str, Any], expected: str) -> None:
    assert reasons(storage, **changes)["train"] == f"must run: the nearest stored train differs in {expected}"


def test_a_later_stage_differs_in_its_own_settings_alone(storage: Storage) -> None:
    plan = make_plan(spaces.build("test", "test", CONFIG), None)
    farther = make_plan(spaces.build("test", "test", {**CONFIG, "prune": {"ratio": 0.75, "importance": "l2"}}), None)
    for each in (plan, farther):
        run_stages([each.trials[0].chain[1]], Context(StageStore(storage)))
    assert reasons(storage, prune={"ratio": 0.25})["prune"] == (
        "must run: the nearest stored prune differs in settings.ratio: 0.5 -> 0.25"
    )


def test_another_version_and_other_data_are_named(storage: Storage, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(chain.VERSIONS, "train", 99)
    chain._build_model_stages.cache_clear()
    try:
        assert "its version: 1 -> 99" in reasons(storage)["train"]
    finally:
        chain._build_model_stages.cache_clear()


SPREAD = """
import advsweep

@advsweep.importance("spread_to_explain")
def spread(weight, generator):
    return weight.flatten(1).std(1, correction=0)
"""


def test_code_that_has_changed_since_is_named_where_its_stages_are_stored(storage: Storage, tmp_path: Path) -> None:
    name = "spread_to_explain"
    (tmp_path / f"{name}.py").write_text(SPREAD)
    plugin = PLUGINS.load(str(tmp_path / f"{name}.py"))
    assert plugin is not None, PLUGINS.failures
    try:
        trial = planned(storage, prune={"ratio": 0.25, "importance": name})
        plan = make_plan(spaces.build("test", "test", {**CONFIG, "prune": {"ratio": 0.25, "importance": name}}), None)
        run_stages([plan.trials[0].chain[1]], Context(StageStore(storage)))
        before = {line.kind: line.reason for line in explain_trial(storage, trial)}
        assert "changed since" not in "".join(before.values())
        know_source(replace(plugin.source, digests={f"{name}.py": "0" * 64}))
        after = {line.kind: line.reason for line in explain_trial(storage, trial)}
        assert after["train"] == before["train"]
        assert after["prune"].endswith(f"; the code has changed since: {name}.py: a launch computes it anew")
        assert after["finetune"] == before["finetune"], "it is not stored"
    finally:
        del PLUGINS.loaded[name]
        IMPORTANCES.remove(name)


def test_an_unknown_trial_is_said(storage: Storage) -> None:
    planned(storage)
    with pytest.raises(UsageError, match=r"there is no trial 'zz' in "):
        explain_trial(storage, "zz")


@pytest.mark.parametrize(
    ("stored", "wanted", "lines"),
    [
        ({"settings": {"ratio": 0.3}}, {"settings": {"ratio": 0.4}}, ["settings.ratio: 0.3 -> 0.4"]),
        ({"settings": {"ratio": 0.3, "threads": 4}}, {"settings": {"ratio": 0.3}}, []),
        ({"settings": {"ratio": 0.3}}, {"settings": {"ratio": 0.3, "unit": "x"}}, ["settings.unit: None -> x"]),
        ({"model": {"name": "a", "stem": "b"}}, {"model": {"name": "a"}}, ["model.stem: b -> None"]),
        ({"data": "1", "version": 2}, {"data": "2", "version": 3}, ["the data: other content", "its version: 2 -> 3"]),
        ({"upstream": {"model": "1"}}, {"upstream": {"model": "2"}}, ["what it builds on"]),
        (
            {"settings": {"code": {"a.py": "1", "b.py": "1"}}},
            {"settings": {"code": {"a.py": "1", "b.py": "2"}}},
            ["the code: b.py has other content"],
        ),
        (
            {"settings": {"name": "l1", "code": None}},
            {"settings": {"name": "mine", "code": {"a.py": "1", "b.py": "2"}}},
            ["the code: a.py, b.py is that of one of them alone", "settings.name: l1 -> mine"],
        ),
        (
            {"settings": {"in": {"code": {"a.py": "1"}}}},
            {"settings": {"in": {}}},
            ["the code: a.py is that of one of them alone"],
        ),
    ],
)
def test_two_stages_differ_in_these_lines(stored: Any, wanted: Any, lines: list[str]) -> None:
    assert list_differences(stored, wanted) == lines


def test_code_is_found_wherever_settings_name_it() -> None:
    attacks = [{"code": {"a": "1"}}, {"inner": {"code": {"b": "2"}}}, 3]
    content = {"attacks": attacks, "code": {"c": "3"}, "x": {"code": 5}}
    assert explain._collect_digests(content) == {"a": "1", "b": "2", "c": "3"}
