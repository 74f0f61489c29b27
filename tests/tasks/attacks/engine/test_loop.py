"""The one attack loop: one trajectory serves every step count, and the judge has the word."""

from __future__ import annotations

from typing import Any

import pytest
import torch

from tasks.attacks.engine.job import load_attack
from tasks.evaluation.evaluate import evaluate
from tests.support.attack_models import EPS, job_of, network, network_images, settings

COUNTS = (1, 2, 5, 9)
WALKS = [
    ("ifgsm", "linf", {}),
    ("ifgsm", "l2", {}),
    ("mifgsm", "linf", {}),
    ("mifgsm", "l2", {"targeted": True}),
    ("pgd", "linf", {"targeted": True, "target_rule": "least_likely"}),
    ("pgd", "l2", {}),
    ("sparse_l1", "l1", {"random_start": True}),
]


@pytest.mark.parametrize("stop", [True, False])
@pytest.mark.parametrize(("name", "norm", "extra"), WALKS)
def test_one_trajectory_is_every_separate_run(name: str, norm: str, extra: dict[str, Any], stop: bool) -> None:
    model = network()
    images = network_images(model)
    method = settings(name=name, norm=norm, eps=EPS[norm], **extra).method
    together = load_attack(method)(job_of(model, images, COUNTS, stop=stop), method)
    for count in COUNTS:
        alone = load_attack(method)(job_of(model, images, (count,), stop=stop), method)[count]
        assert torch.equal(together[count], alone)


def test_images_leave_on_the_word_of_fp32_when_crafting_in_bf16() -> None:
    model = network()
    images = network_images(model)
    found = {}
    for precision in ("fp32", "bf16"):
        cells = [settings(name="ifgsm", eps=0.08, steps=steps, precision=precision) for steps in COUNTS]
        found[precision] = [each.count_correct()["robust_correct"] for each in evaluate(model, images, cells, 0, 0.5)]
    assert found["bf16"] == sorted(found["bf16"], reverse=True), "an image that was fooled is fooled after more steps"
    assert all(abs(a - b) <= 2 for a, b in zip(found["fp32"], found["bf16"], strict=True)), found
