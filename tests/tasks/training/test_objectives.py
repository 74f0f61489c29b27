"""Every objective of the registry: it trains, goes on where it was broken off, and spares what is pruned."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import pytest
import torch

from tasks.kinds import TRAINING_KINDS
from tasks.stages.context import Context
from tasks.stages.run import run_chain
from tasks.training import guards
from tasks.training.objectives.registry import OBJECTIVES
from tasks.trial.chain import Stage
from tasks.trial.trial import Trial
from tests.support.objectives import NAMED_OBJECTIVES, OBJECTIVE_CASES
from tests.support.small import SGD, context, run, stages_of, trial, weights

FEW = {"name": "digits", "train_examples": 100}


def tune(objective: dict[str, Any], kind: str = "finetune") -> Trial:
    """A trial that trains, prunes, and trains two epochs with an objective; what takes lambda is not pruned."""
    section = {"epochs": 2, "batch_size": 50, "optimizer": SGD, "objective": objective}
    prune = None if kind == "train" and objective["name"] == "oat" else {"ratio": 0.5}
    return trial(dataset=FEW, prune=prune, **{kind: section})


class StopError(Exception):
    """Stands for a kill."""


def break_off(asked: Trial, at: Context) -> None:
    """Run the chain up to the end of the first epoch of fine-tuning."""

    def stop(stage: Stage, entry: dict[str, Any]) -> None:
        if (stage.kind, entry["epoch"]) == ("finetune", 0):
            raise StopError

    with pytest.raises(StopError):
        run(asked, Context(at.store, None, "cpu", on_epoch=stop))


def test_every_objective_of_the_registry_has_a_case() -> None:
    assert OBJECTIVE_CASES.keys() == set(OBJECTIVES)


@pytest.fixture(scope="module")
def begun(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A storage with the model that nearly all of them go on with."""
    folder = tmp_path_factory.mktemp("begun")
    run_chain(stages_of(trial(dataset=FEW, prune={"ratio": 0.5}))[:-1], context(folder))
    return folder


@pytest.mark.slow
@pytest.mark.parametrize("name", NAMED_OBJECTIVES)
def test_an_objective_goes_on_to_the_bit_and_leaves_what_is_pruned_at_zero(
    name: str, begun: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(guards, "PROBE_STEPS", 2)  # it looks at the model, and changes nothing
    asked = tune(NAMED_OBJECTIVES[name])
    (*_, before, _) = stages_of(trial(dataset=FEW, prune={"ratio": 0.5}))
    (stage,) = (stage for stage in stages_of(asked) if stage.kind == "finetune")
    for place in ("whole", "killed"):
        shutil.copytree(begun, tmp_path / place)
    whole, killed = context(tmp_path / "whole"), context(tmp_path / "killed")
    records = {record["key"]: record for record in run(asked, whole)}
    break_off(asked, killed)
    again = run_chain(stages_of(asked)[:-1], killed)
    assert again[stage.key]["resumed_from"] == 1
    one, two = weights(records[stage.key], whole), weights(again[stage.key], killed)
    assert all(torch.equal(one[part], two[part]) for part in one)

    pruned = weights(records[before.key], whole)
    shared = one.keys() & pruned.keys()
    assert any(not torch.equal(one[part], pruned[part]) for part in shared), "it has learnt something"
    made = records[stages_of(asked)[-2].key]
    last = weights(made, whole)
    assert last.keys() == pruned.keys(), "what is attacked is an ordinary network"
    for layer, filters in made["model"]["pruned"].items():
        assert last[f"network.{layer}.weight"][filters].count_nonzero() == 0


@pytest.mark.parametrize("name", NAMED_OBJECTIVES)
def test_an_objective_stands_in_every_section_that_trains_and_what_is_written_is_read_back(name: str) -> None:
    for kind in TRAINING_KINDS:
        asked = tune(NAMED_OBJECTIVES[name], kind)
        section = getattr(asked, kind)
        assert section.chosen_objective.label == name
        assert section.chosen_objective.expected_passes >= 3
        assert Trial.model_validate(asked.document()) == asked
