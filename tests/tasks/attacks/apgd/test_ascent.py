"""Auto-PGD on a model that answers at random."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn

from tasks.attacks.apgd import craft as apgd
from tasks.attacks.apgd.settings import ApgdCeSettings
from tasks.attacks.engine.attacked_model import AttackedModel
from tasks.attacks.engine.job import AttackJob
from tasks.attacks.engine.losses import compute_dlr
from tasks.errors import StageError


class Misleading(nn.Module):
    """The class by one slope; each look adds to its gradient, and of twenty looks these additions are in all zero."""

    def __init__(self) -> None:
        super().__init__()
        self.slope = torch.tensor([1.0, -2.0, 3.0, -0.5]).view(1, 1, 2, 2)
        self.asked = 0

    def forward(self, pixels: Tensor) -> Tensor:
        sign = -1.0 if self.asked % 20 < 10 else 1.0
        self.asked += 1
        added = 10 * sign * pixels.sum((1, 2, 3))
        score = (pixels * self.slope).sum((1, 2, 3)) + 1 + added - added.detach()
        return torch.stack([score, -score, score * 0 - 5, score * 0 - 6], 1)


@pytest.mark.parametrize("name", ["craft_apgd_ce", "craft_apgd_dlr"])
def test_the_mean_of_many_looks_leads_where_a_look_does_not(name: str) -> None:
    def attack(looks: int) -> float:
        model = Misleading()
        target = AttackedModel(model, model, model)
        clean = torch.full((1, 1, 2, 2), 0.5)
        job = AttackJob(target, clean, torch.tensor([0]), (10,), torch.tensor([0]))
        found = getattr(apgd, name)(job, ApgdCeSettings(name="apgd_ce", eps=0.05, steps=10), looks=looks)[10]
        return float(((found - clean) * model.slope).sum())

    best = -0.05 * 6.5  # the corner of the ball: eps times the l1 norm of the slope
    assert attack(20) == pytest.approx(best, abs=1e-4)
    assert attack(3) > best + 1e-3, "three looks are led astray"


def test_the_ratio_of_logits_without_a_target() -> None:
    """By hand: -(2 - 5) / (5 - 1) and -(5 - 2) / (5 - 1)."""
    logits = torch.tensor([[5.0, 2.0, 1.0, 0.0]])
    assert compute_dlr(logits, torch.tensor([1]), torch.tensor([1])).tolist() == pytest.approx([0.75])
    assert compute_dlr(logits, torch.tensor([0]), torch.tensor([0])).tolist() == pytest.approx([-0.75])
    with pytest.raises(StageError, match="at least 3 classes"):
        compute_dlr(logits[:, :2], torch.tensor([0]), torch.tensor([0]))
