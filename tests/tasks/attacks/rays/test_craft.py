"""RayS flips the blocks of the paper and ends at the same radius."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from torch import Tensor, nn

from tasks.attacks.engine.attacked_model import ROUNDING, AttackedModel
from tests.support.attack_models import craft, job_of, network, network_images, settings
from tests.support.reference_attacks import run_rays

pytestmark = pytest.mark.slow

COUNT, DIRECTIONS = 5, 20


def test_every_direction_of_the_paper_is_tried() -> None:
    model = network()
    job = job_of(model, network_images(model, COUNT), (1,))
    found = craft(job, settings(name="rays", steps=DIRECTIONS))
    few = craft(job, settings(name="rays", steps=3))
    for place, label in enumerate(job.labels.tolist()):
        one = slice(place, place + 1)
        expected = run_rays(job.model.judge, job.clean[one], label, DIRECTIONS)
        torch.testing.assert_close(found[one], expected, rtol=0, atol=1e-6)
    sizes = [(each - job.clean).flatten(1).abs().amax(1) for each in (found, few)]
    assert (sizes[0] < sizes[1]).any()
    assert job.is_adversarial(found).all()


class Rounding(nn.Module):
    """Answers as a model does, but for what a folded copy of it may round."""

    def __init__(self, model: nn.Module) -> None:
        super().__init__()
        self.model = model

    def forward(self, pixels: Tensor) -> Tensor:
        logits: Tensor = self.model(pixels)
        error = (1e6 * pixels.flatten(1).sum(1)).sin()[:, None] * logits.abs().amax(1, keepdim=True)
        return torch.cat([logits[:, :1] + 0.9 * ROUNDING * error, logits[:, 1:]], 1)


def test_where_the_judge_is_close_to_undecided_the_model_itself_is_asked() -> None:
    model = network(1)
    exact = job_of(model, network_images(model, 2 * COUNT), (1,))
    itself = exact.model.judge
    judge = Rounding(itself)
    rounded = replace(exact, model=AttackedModel(judge, judge, itself))
    plain = replace(exact, model=AttackedModel(itself, itself, itself))
    believed = replace(exact, model=AttackedModel(judge, judge, judge))
    found, expected, wrong = (craft(job, settings(name="rays", steps=DIRECTIONS)) for job in (rounded, plain, believed))
    assert torch.equal(found, expected)
    assert not torch.equal(wrong, expected), "or the test would not show it"
