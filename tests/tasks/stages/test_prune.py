"""What was pruned stays pruned, and what was removed is gone, in every later stage."""

from __future__ import annotations

from pathlib import Path

import pytest
from torch import nn

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
