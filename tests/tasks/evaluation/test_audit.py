"""No attack may leave the ball, the pixel range or the finite numbers."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor

from tasks.attacks.engine.job import AttackJob, ExamplesBySteps
from tasks.attacks.gradient import craft as gradient_attacks
from tasks.errors import StageError
from tasks.evaluation.evaluate import evaluate
from tests.support.attack_models import Linear, linear_images, settings


def spoiled(change: Callable[[Tensor], Tensor]) -> Callable[[AttackJob, Any], ExamplesBySteps]:
    return lambda job, _: {count: change(job.clean) for count in job.step_counts}


FAULTS = [
    ("ball", lambda clean: (clean - 0.2).clamp(0, 1), "left the linf ball of 0.1 in 12 of 12 images"),
    ("range", lambda clean: clean + 0.7, r"left the pixel range \[0, 1\]"),
    ("nan", lambda clean: clean * torch.nan, "NaN"),
]


@pytest.mark.parametrize(("change", "words"), [fault[1:] for fault in FAULTS], ids=[fault[0] for fault in FAULTS])
def test_the_audit_catches_an_attack_that_breaks_its_rules(
    change: Callable[[Tensor], Tensor], words: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(gradient_attacks, "craft_fgsm", spoiled(change))
    with pytest.raises(StageError, match=words):
        evaluate(Linear(), linear_images(), [settings(name="fgsm", eps=0.1)], 0, 0.5)


def test_a_budget_in_normalised_units_is_audited_in_pixels() -> None:
    cell = settings(name="fgsm", eps=0.2, eps_space="normalized")
    sizes = evaluate(Linear(), linear_images(), [cell], 0, 0.25)[0].table["linf"].to_pylist()
    assert max(sizes) == pytest.approx(0.05, rel=1e-4)
