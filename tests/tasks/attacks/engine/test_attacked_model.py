"""Who is fooled: margins, and when the model itself is asked."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from tasks.attacks.engine.attacked_model import AttackedModel, compute_margin


def test_the_margin_is_positive_where_the_attack_has_succeeded() -> None:
    logits = torch.tensor([[3.0, 1.0, 2.5], [3.0, 1.0, 2.5], [0.5, 4.0, -1.0]])
    labels, target_classes = torch.tensor([0, 2, 0]), torch.tensor([2, 0, 2])
    assert compute_margin(logits, labels).tolist() == [-0.5, 0.5, 3.5]
    assert compute_margin(logits, labels, target_classes).tolist() == [-0.5, 0.5, -5.0]


class Constant(nn.Module):
    """Answers the same logits whatever it is shown; counts the images it sees."""

    def __init__(self, logits: list[list[float]]) -> None:
        super().__init__()
        self.logits, self.seen = torch.tensor(logits), 0

    def forward(self, pixels: Tensor) -> Tensor:
        self.seen += len(pixels)
        return self.logits[pixels[:, 0, 0, 0].long()]


def test_the_original_is_asked_only_where_the_judge_is_close_to_undecided() -> None:
    judge = Constant([[10.0, 0.0], [10.0, 9.995], [10.0, 10.005], [0.0, 10.0]])
    original = Constant([[0.0, 10.0], [10.0, 10.1], [10.1, 10.0], [10.0, 0.0]])
    model = AttackedModel(judge, judge, original)
    pixels, labels = torch.arange(4.0)[:, None, None, None], torch.zeros(4, dtype=torch.int64)
    assert model.is_adversarial(pixels, labels).tolist() == [False, True, False, True]
    assert original.seen == 2
    known = torch.tensor([[0.0, 9.0]]).expand(4, 2)
    assert model.is_adversarial(pixels, labels, logits=known).all()
    assert model.is_adversarial(pixels, 1 - labels, labels).tolist() == [True, False, True, False]


def test_what_lies_on_the_boundary_is_not_adversarial() -> None:
    model = Constant([[10.0, 10.0], [10.0, 10.00001], [10.0, 10.0001]])
    pixels, labels = torch.arange(3.0)[:, None, None, None], torch.zeros(3, dtype=torch.int64)
    assert AttackedModel(model, model, model).is_adversarial(pixels, labels).tolist() == [False, False, True]
