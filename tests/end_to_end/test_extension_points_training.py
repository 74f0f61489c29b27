"""A data set, a model, an importance and an objective that are registered are found without another edit."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest

from orchestrator.plan.plan import Plan, make_plan
from orchestrator.report.analysis.report_data import load_report_data
from orchestrator.report.page.payload import build_payload
from orchestrator.results.presentation import Selection, render_results
from orchestrator.results.query import ask
from orchestrator.space import space as spaces
from orchestrator.store.sweep_store import SweepStore
from tasks.errors import UsageError
from tasks.storage.stage_store import StageStore
from tests.support.report_data import really_run
from tests.support.toy_parts import toy_parts

SGD = {"name": "sgd", "lr": 0.1}
TEACHER = {"model": {"name": "tiny"}, "train": {"epochs": 1, "optimizer": SGD}}
SPACE: dict[str, Any] = {
    "dataset": {"name": "halves"},
    "model": {"name": "tiny"},
    "train": {
        "epochs": 3,
        "batch_size": 16,
        "optimizer": SGD,
        "objective": {
            "grid_search": [
                None,
                {"name": "agreeing", "smoothing": {"grid_search": [0.1, 0.3]}},
                {"name": "agreeing", "teacher": TEACHER},
                {"name": "adversarial", "lambda": 1, "attack": {"name": "fgsm", "eps": "8/255"}},
            ]
        },
    },
    "prune": {"ratio": 0.3, "importance": "place"},
    "attack": {"name": "ifgsm", "eps": "8/255", "steps": 2},
}


def plan(**changes: Any) -> Plan:
    return make_plan(spaces.build("toys", "toys", {**SPACE, **changes}), None)


@pytest.fixture(scope="module")
def sweep(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SweepStore]:
    with toy_parts():
        yield really_run(tmp_path_factory.mktemp("toys"), SPACE, "toys")


def test_the_parts_are_known_while_they_are_registered() -> None:
    with toy_parts():
        assert len(plan().trials) == 5
    with pytest.raises(UsageError) as caught:
        plan()
    for message in (
        "dataset.name = 'halves': unknown data set",
        "model.name = 'tiny': unknown model",
        "prune.importance = 'place': unknown importance",
        "train.objective.name = 'agreeing': unknown objective",
    ):
        assert message in str(caught.value)


def test_a_setting_of_the_objective_is_in_the_key_and_its_teacher_is_a_stage_before() -> None:
    with toy_parts():
        trials = plan().trials
        mistake = {**SPACE["train"], "objective": {"name": "agreeing", "smoothing": 1}}
        with pytest.raises(UsageError, match=r"train\.objective\.smoothing = 1: should be less than 1"):
            plan(train=mistake)
    standard, light, strong, taught, adversarial = (trial.chain for trial in trials)
    assert len({chain[-1].key for chain in (standard, light, strong, taught, adversarial)}) == 5
    assert [stage.kind for stage in taught] == ["train", "train", "prune", "attack"]
    assert taught[1].upstream == {"surrogate_0": taught[0].key}
    assert "objective" not in standard[0].settings.canonical(), "what was written before keeps its key"


@pytest.mark.slow
def test_the_objective_is_what_training_minimises(sweep: SweepStore) -> None:
    """Smooth labels cannot be fitted beyond their own entropy."""
    losses = {}
    for row in sweep.rows():
        record = StageStore(sweep.storage).read_record(row["train_key"])
        losses[json.dumps(json.loads(row["config"])["train"].get("objective"))[:55]] = record["metrics"]["train_loss"]
    standard, light, strong = (
        next(loss for name, loss in losses.items() if part in name) for part in ("null", '"smoothing": 0.1', "0.3")
    )
    assert standard < light < strong
    assert light > 0.19, "the entropy of labels (0.95, 0.05)"


@pytest.mark.slow
def test_the_importance_says_which_filters_go(sweep: SweepStore) -> None:
    store = StageStore(sweep.storage)
    for row in sweep.rows():
        assert store.read_record(row["prune_key"])["model"]["pruned"] == {"0": [7, 8, 9]}


@pytest.mark.slow
def test_rows_results_and_reports_tell_the_objectives_apart(sweep: SweepStore) -> None:
    rows = sweep.rows()
    assert {row["status"] for row in rows} == {"finished"}
    assert sorted(row["objective"] for row in rows) == ["adversarial", *["agreeing"] * 3, "standard"]
    adversarial = next(row for row in rows if row["objective"] == "adversarial")
    assert (adversarial["lambda"], adversarial["eps_train"], adversarial["train_steps"]) == (1.0, 8 / 255, 1)
    assert ask(sweep, "select count(*) from trials where objective = 'agreeing'")[1] == [[3]]
    table = render_results(sweep, "table", selection=Selection(long=True))
    for word in ("objective", "agreeing", "adversarial", "halves", "tiny"):
        assert word in table
    data = load_report_data([sweep])
    (study,) = data.studies
    assert (study.dataset, "objective" in [axis.name for axis in study.training_axes]) == ("halves", True)
    (encoded,) = build_payload(data, [(study, ())])["studies"]
    levels = {axis["label"]: axis["levels"] for axis in encoded["axes"]}
    assert levels["objective"] == ["adversarial", "agreeing", "standard"]
