"""What was pruned stays pruned, and what was removed is gone, in every later stage."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from torch import nn
from torch.nn.utils import prune

from tasks.pruning.filters import find_batch_norms
from tests.support.small import SGD, context, model_of, run, trial


def filters(network: nn.Module, convolution: str) -> nn.Parameter:
    return network.get_parameter(f"{convolution}.weight")


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
    masked = run(trial(prune={"ratio": 0.25}), at)
    trained, once, tuned, _ = run(trial(prune={"ratio": 0.25, "mode": "once"}, finetune=finetune), at)
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
