"""The attacks of the one loop: FGSM, I-FGSM, MI-FGSM, PGD and Sparse L1 descent."""

from __future__ import annotations

from tasks.evaluation.evaluate import evaluate
from tests.support.attack_models import Linear, linear_images, settings


def test_more_restarts_never_leave_more_robust() -> None:
    model, images = Linear(), linear_images(60)
    cells = [settings(name="pgd", eps=0.1, steps=1, step_size=0.01, restarts=restarts) for restarts in (1, 6)]
    few, many = (evaluate(model, images, [cell], 0, 0.5)[0].table for cell in cells)
    robust = list(zip(few["robust"].to_pylist(), many["robust"].to_pylist(), strict=True))
    assert all(before or not after for before, after in robust)
    assert sum(after for _, after in robust) < sum(before for before, _ in robust)
