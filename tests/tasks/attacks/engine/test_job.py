"""What an attack is asked: the classes to reach, and what it keeps."""

from __future__ import annotations

import pytest
import torch

from tasks.evaluation.evaluate import evaluate
from tests.support.attack_models import network, network_images, settings


@pytest.mark.parametrize("rule", ["next", "least_likely", "random"])
def test_targets_follow_their_rule_and_are_reached(rule: str) -> None:
    model = network()
    images = network_images(model)
    cell = settings(name="ifgsm", eps=0.3, steps=20, targeted=True, target_rule=rule)
    table = evaluate(model, images, [cell], 0, 0.5)[0].table
    targets = torch.tensor(table["target"].to_pylist())
    logits = model(images.pixels.float() / 255)
    if rule == "next":
        assert torch.equal(targets, (images.labels + 1) % 10)
    elif rule == "least_likely":
        assert torch.equal(targets, logits.argmin(1))
    else:
        assert len(targets.unique()) > 3
    assert (targets != images.labels).all()
    reached = targets.eq(torch.tensor(table["adversarial_prediction"].to_pylist()))
    assert reached.float().mean() > 0.9
