"""The one attack loop: one trajectory serves every step count, and the judge has the word."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor, nn

from tasks.attacks.engine.attacked_model import AttackedModel
from tasks.attacks.engine.job import load_attack
from tasks.attacks.engine.loop import StepRule, run_gradient_attack
from tasks.attacks.engine.norms import NORMS
from tasks.evaluation.evaluate import evaluate
from tests.support.attack_models import EPS, job_of, network, network_images, settings

COUNTS = (1, 2, 6)
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
    images = network_images(model, 12)
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
        step = {"step_size": 0.02, "precision": precision}
        cells = [settings(name="ifgsm", eps=0.08, steps=steps, **step) for steps in COUNTS]
        found[precision] = [each.count_correct()["robust_correct"] for each in evaluate(model, images, cells, 0, 0.5)]
    assert found["bf16"] == sorted(found["bf16"], reverse=True), "an image that was fooled is fooled after more steps"
    assert all(abs(a - b) <= 2 for a, b in zip(found["fp32"], found["bf16"], strict=True)), found


class Fixed(nn.Module):
    """Logits by the number of the image, which stands in its first value; the second value raises the second logit."""

    def __init__(self, logits: list[list[float]]) -> None:
        super().__init__()
        self.logits = torch.tensor(logits)

    def forward(self, pixels: Tensor) -> Tensor:
        flat = pixels.flatten(1)
        return self.logits[(10 * flat[:, 0]).round().long()] + flat[:, 1:] * torch.tensor([0.0, 1e-3])


def test_the_judge_is_asked_where_the_source_of_gradients_is_close_to_undecided() -> None:
    source = Fixed([[10, 9.8], [10, 9.0], [0, 10], [10, 10.2]])
    judge = Fixed([[10, 11], [10, 11], [10, 0], [10, 11]])
    clean = torch.tensor([[0.0, 0.5], [0.1, 0.5], [0.2, 0.5], [0.3, 0.5]])[:, None, None]
    rule = StepRule(NORMS["linf"], 0.02, 0.02)
    labels = torch.zeros(4, dtype=torch.int64)
    found = run_gradient_attack(AttackedModel(source, judge, judge), clean, labels, rule, (1,))[1]
    assert found.ne(clean).flatten(1).any(1).tolist() == [False, True, True, False]
    end = StepRule(NORMS["linf"], 0.02, 0.02, stop_when_fooled=False)
    assert run_gradient_attack(AttackedModel(source, judge, judge), clean, labels, end, (1,))[1].ne(clean)[..., 1].all()
