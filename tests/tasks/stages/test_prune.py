"""What was pruned stays pruned, and what was removed is gone, in every later stage."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest
import torch
from torch import nn
from torch.nn.utils import prune

from tasks.pruning.filters import find_batch_norms
from tasks.pruning.layers import find_layers
from tasks.pruning.registry import IMPORTANCES
from tasks.stages.context import Context
from tasks.stages.run import run_chain
from tasks.trial.chain import Stage
from tasks.trial.row import make_finished_row
from tests.support.pruning import HARDENING, IMPORTANCE_CASES, PRUNING_CASES
from tests.support.small import FEW, SGD, context, model_of, run, stages_of, trial, weights


def filters(network: nn.Module, convolution: str) -> nn.Parameter:
    return network.get_parameter(f"{convolution}.weight")


@pytest.mark.slow
@pytest.mark.parametrize("optimizer", [SGD, {"name": "adam", "lr": 0.01, "weight_decay": 1e-3}])
def test_pruned_filters_stay_zero_through_every_later_stage(tmp_path: Path, optimizer: dict[str, object]) -> None:
    finetune = {"epochs": 2, "batch_size": 50, "optimizer": optimizer}
    attack = {"name": "ifgsm", "eps": 0.05, "steps": 2}
    hardened = {"epochs": 1, "batch_size": 50, "optimizer": optimizer, "lambda": 0.5, "attack": attack}
    at = context(tmp_path)
    records = run(trial(prune={"ratio": 0.25}, finetune=finetune, adversarial_finetune=hardened), at)
    pruned = records[1]["model"]["pruned"]
    assert records[1]["metrics"]["pruned_filters"] == sum(map(len, pruned.values())) > 0
    for record in records[1:4]:
        network = model_of(record, at).network
        norms = find_batch_norms(network)
        for name, places in pruned.items():
            assert not filters(network, name)[places].any()
            assert not norms[name].weight[places].any()
            assert not norms[name].bias[places].any()


def test_filters_that_are_cleared_once_are_those_of_torch_and_grow_again(tmp_path: Path) -> None:
    """The same filters as with a mask, by weight alone as `prune.ln_structured` and `prune.remove`, and not held."""
    at, finetune = context(tmp_path), {"epochs": 1, "batch_size": 50, "optimizer": SGD}
    masked = run(trial(dataset=FEW, prune={"ratio": 0.25}), at)
    trained, once, tuned, _ = run(trial(dataset=FEW, prune={"ratio": 0.25, "mode": "once"}, finetune=finetune), at)
    assert once["key"] != masked[1]["key"]
    assert (trained["key"], once["metrics"]["pruned_filters"]) == (
        masked[0]["key"],
        masked[1]["metrics"]["pruned_filters"],
    )
    assert once["model"]["pruned"] == {}
    before, cleared, grown = (model_of(record, at).network for record in (trained, once, tuned))
    for name, places in masked[1]["model"]["pruned"].items():
        layer = before.get_submodule(name)
        prune.ln_structured(layer, "weight", amount=len(places), n=1, dim=0)
        prune.remove(layer, "weight")
        assert torch.equal(filters(cleared, name), layer.get_parameter("weight"))
        assert not filters(cleared, name)[places].any()
    assert sum(bool(filters(grown, name)[places].any()) for name, places in masked[1]["model"]["pruned"].items()) > 0
    norms = [find_batch_norms(network) for network in (before, cleared)]
    assert all(torch.equal(norms[0][name].weight, norms[1][name].weight) for name in norms[0])


@pytest.mark.slow
def test_a_trial_with_removed_filters_is_smaller_in_every_later_stage(tmp_path: Path) -> None:
    at, finetune = context(tmp_path), {"epochs": 1, "batch_size": 50, "optimizer": SGD}
    records = run(trial(prune={"ratio": 0.5, "mode": "remove"}, finetune=finetune), at)
    pruned = records[1]["metrics"]
    assert pruned["parameters"] < 0.3 * pruned["parameters_before"]
    assert pruned["macs"] < 0.3 * pruned["macs_before"]
    assert records[-1]["metrics"]["macs"] == pruned["macs"]
    assert records[-1]["metrics"]["parameters"] == records[-1]["metrics"]["nonzero_parameters"]
    assert model_of(records[2], at).network.get_parameter("fc.weight").shape == (10, 16)


class _StoppedError(Exception):
    """Stands for a kill."""


def break_off(sections: dict[str, Any], at: Context) -> None:
    """Run a trial up to the end of the first epoch of pruning."""

    def stop(stage: Stage, entry: dict[str, Any]) -> None:
        if (stage.kind, entry["epoch"]) == ("prune", 0):
            raise _StoppedError

    with pytest.raises(_StoppedError):
        run(trial(**sections), Context(at.store, None, "cpu", on_epoch=stop))


def test_every_importance_of_the_registry_has_a_case() -> None:
    assert IMPORTANCE_CASES.keys() == set(IMPORTANCES)


@pytest.mark.slow
@pytest.mark.parametrize("name", PRUNING_CASES)
def test_pruning_takes_the_exact_share_goes_on_to_the_bit_and_is_held(name: str, tmp_path: Path) -> None:
    few = {"name": "digits", "train_examples": 100}
    prune = {"ratio": 0.5, **PRUNING_CASES[name]}
    sections = {"dataset": few, "prune": prune, "finetune": {"epochs": 1, "batch_size": 50, "optimizer": SGD}}
    whole, again = context(tmp_path), context(tmp_path / "again")
    records = run(trial(**sections), whole)
    if "training" in prune:
        break_off(sections, again)
    second = run(trial(**sections), again)
    assert second[1].get("resumed_from", 0) == int("training" in prune)
    one, two = weights(records[1], whole), weights(second[1], again)
    assert all(torch.equal(one[part], two[part]) for part in one)

    unit, found = prune.get("unit", "filters"), records[1]["metrics"]
    for record in records[1:3]:
        network = model_of(record, whole).network
        layers = find_layers(network, "all", unit)
        zero = {n: part.get_parameter("weight") == 0 for n, part in layers.items()}
        gone = {n: mark if unit == "weights" else mark.flatten(1).all(1) for n, mark in zero.items()}
        counts = {n: int(mark.sum()) for n, mark in gone.items()}
        if prune.get("within") == "network":
            assert sum(counts.values()) == round(sum(mark.numel() for mark in gone.values()) / 2)
        elif prune.get("within") == "2:4":
            fitting = {n for n, mark in gone.items() if mark.shape[1] % 4 == 0}
            assert counts == {n: mark.numel() // 2 if n in fitting else 0 for n, mark in gone.items()}
        else:
            assert counts == {n: round(mark.numel() / 2) for n, mark in gone.items()}
        assert found[f"pruned_{unit}"] == sum(counts.values())
    assert found["macs"] == found["macs_before"]
    if unit == "weights":
        assert found["nonzero_parameters"] == found["nonzero_parameters_before"] - found["pruned_weights"]


def test_weights_that_are_cleared_once_grow_again(tmp_path: Path) -> None:
    at, finetune = context(tmp_path), {"epochs": 1, "batch_size": 50, "optimizer": SGD}
    records = run(trial(dataset=FEW, prune={"ratio": 0.5, "unit": "weights", "mode": "once"}, finetune=finetune), at)
    nonzero = [record["metrics"]["nonzero_parameters"] for record in records if "macs" in record["metrics"]]
    assert nonzero[0] == records[1]["metrics"]["parameters"] - records[1]["metrics"]["pruned_weights"]
    assert nonzero[-1] > nonzero[0]


def test_the_row_says_what_pruning_has_trained_with(tmp_path: Path) -> None:
    asked = trial(dataset=FEW, train=None, prune={"ratio": 0.5, "schedule": "cubic", "training": HARDENING})
    at = context(tmp_path)
    chain = stages_of(asked)
    assert [stage.kind for stage in chain] == ["prune", "attack"], "from the first step on"
    row = make_finished_row(asked, chain, run_chain(chain, at))
    assert (row["objective"], row["lambda"], row["train_attack"]) == ("adversarial", 1, "ifgsm")
    assert row["eps_train"] == pytest.approx(8 / 255)
    assert row["train_eps_reached"] == pytest.approx(8 / 255, abs=1e-6)
    history = pq.read_table(tmp_path / "stages" / chain[0].key / "history.parquet").to_pylist()
    assert [(entry["stage"], entry["epoch"]) for entry in history] == [("prune", 0), ("prune", 1)]
