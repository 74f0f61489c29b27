"""The losses of the parameter-free attacks, by hand."""

from __future__ import annotations

import pytest
import torch

from tasks.attacks.engine.losses import (
    compute_cross_entropy,
    compute_dlr,
    compute_targeted_dlr,
    rank_likeliest_others,
)
from tasks.errors import StageError
from tests.support.attack_models import job_of, network, network_images

LOGITS = torch.tensor([[1.0, 5.0, 2.0, -1.0, 3.0], [4.0, 0.0, 6.0, 1.0, 2.0]])
LABELS, TARGETS = torch.tensor([1, 2]), torch.tensor([2, 0])


def test_the_targeted_difference_of_logits_ratio() -> None:
    """-(z_label - z_target) / (z_1 - (z_3 + z_4) / 2)."""
    expected = torch.tensor([-(5 - 2) / (5 - (2 + 1) / 2), -(6 - 4) / (6 - (2 + 1) / 2)])
    torch.testing.assert_close(compute_targeted_dlr(LOGITS, LABELS, TARGETS), expected)
    torch.testing.assert_close(compute_targeted_dlr(7 * LOGITS + 3, LABELS, TARGETS), expected)


def test_it_needs_four_classes() -> None:
    assert compute_targeted_dlr(LOGITS[:, :4], LABELS, TARGETS).shape == (2,)
    with pytest.raises(StageError, match="at least 4 classes; the model has 3"):
        compute_targeted_dlr(LOGITS[:, :3], LABELS, TARGETS)


def test_cross_entropy_of_each_image() -> None:
    expected = LOGITS.logsumexp(1) - torch.tensor([5.0, 6.0])
    torch.testing.assert_close(compute_cross_entropy(LOGITS, LABELS, TARGETS), expected)


@pytest.mark.parametrize(("count", "ranked"), [(3, 3), (9, 9), (20, 9)])
def test_the_likeliest_classes_but_the_label_come_first(count: int, ranked: int) -> None:
    model = network()
    job = job_of(model, network_images(model, 8), (1,))
    found = rank_likeliest_others(job, count)
    logits = job.model.judge(job.clean)
    assert found.shape == (8, ranked)
    for classes, label, row in zip(found.tolist(), job.labels.tolist(), logits, strict=True):
        order = [each for each in row.argsort(descending=True).tolist() if each != label]
        assert classes == order[:ranked]


def test_the_difference_of_logits_ratio() -> None:
    """-(z_label - the largest other) / (z_1 - z_3), whatever the target."""
    torch.testing.assert_close(compute_dlr(LOGITS, LABELS, TARGETS), torch.tensor([-(5 - 3) / (5 - 2), -(6 - 4) / 4]))
    torch.testing.assert_close(compute_dlr(LOGITS, TARGETS, LABELS), torch.tensor([(5 - 2) / 3, (6 - 4) / 4]))
    torch.testing.assert_close(compute_dlr(LOGITS[:1, :3], LABELS[:1], TARGETS[:1]), torch.tensor([-(5 - 2) / (5 - 1)]))
    with pytest.raises(StageError, match="at least 3 classes; the model has 2"):
        compute_dlr(LOGITS[:, :2], LABELS, TARGETS)
