"""The attacks of the one loop take the steps of their papers; a restart keeps the first success."""

from __future__ import annotations

from itertools import islice
from typing import Any

import pytest
import torch
from torch import Tensor
from torch.nn import functional as F

from tasks.attacks.engine.job import AttackJob, draw_random_starts, load_attack
from tasks.attacks.engine.norms import NORMS
from tasks.evaluation.evaluate import evaluate
from tests.support.attack_models import HALF, Linear, job_of, linear_images, network, network_images, settings
from tests.support.reference_attacks import Loss, iterate_gradient_steps

COUNT, STEPS = 8, (1, 4, 9)


def attack(*, stop: bool = True, count: int = COUNT, **raw: Any) -> tuple[AttackJob, dict[int, Tensor]]:
    """The images after each number of steps, on images about half of which survive."""
    model = network()
    method = settings(**raw).method
    job = job_of(model, network_images(model, count), STEPS, stop=stop)
    return job, load_attack(method)(job, method)


WALKS: list[tuple[str, dict[str, Any], float]] = [
    ("ifgsm", {}, 0.0),
    ("mifgsm", {"decay": 0.7}, 0.7),
    ("mifgsm", {}, 1.0),
    ("pgd", {}, 0.0),
]


def walk_by_the_paper(job: AttackJob, loss: Loss, steps: int, **fields: Any) -> list[tuple[Tensor, Tensor]]:
    """Iterates from all images, each by itself, and what the network predicts of them."""
    return list(islice(iterate_gradient_steps(job.model.judge, job.clean, loss, **fields), steps + 1))


@pytest.mark.parametrize("stop", [True, False])
@pytest.mark.parametrize("norm", ["linf", "l2"])
@pytest.mark.parametrize(("name", "extra", "decay"), WALKS)
def test_every_step_is_that_of_the_paper(name: str, extra: dict[str, Any], decay: float, norm: str, stop: bool) -> None:
    eps = HALF[norm]
    job, found = attack(stop=stop, name=name, norm=norm, eps=eps, **extra)
    starts = draw_random_starts(job, NORMS[norm], eps, 0) if name == "pgd" else torch.zeros_like(job.clean)
    iterates = walk_by_the_paper(
        job, lambda logits: F.cross_entropy(logits, job.labels, reduction="sum"), max(STEPS),
        norm=norm, eps=eps, step_size=eps / 4, decay=decay, start=starts,
    )  # fmt: skip
    for place, label in enumerate(job.labels.tolist()):
        for steps in STEPS:
            fooled = [pixels[place] for pixels, predicted in iterates[:steps] if predicted[place] != label]
            expected = fooled[0] if fooled and stop else iterates[steps][0][place]
            torch.testing.assert_close(found[steps][place], expected, rtol=0, atol=1e-5)
    assert 0 < int(job.is_adversarial(found[max(STEPS)]).sum()) < COUNT


def test_a_targeted_step_lowers_the_loss_of_the_target() -> None:
    job, found = attack(stop=False, name="ifgsm", eps=0.06, targeted=True)
    targets = (job.labels + 1) % 10
    *_, (expected, _) = walk_by_the_paper(
        job,
        lambda logits: -F.cross_entropy(logits, targets, reduction="sum"),
        9,
        norm="linf",
        eps=0.06,
        step_size=0.015,
    )
    torch.testing.assert_close(found[9], expected, rtol=0, atol=1e-5)


@pytest.mark.parametrize("norm", ["linf", "l2"])
def test_fgsm_is_one_step_of_the_size_of_the_budget(norm: str) -> None:
    eps = HALF[norm]
    job, found = attack(name="fgsm", norm=norm, eps=eps)
    *_, (expected, _) = walk_by_the_paper(
        job, lambda logits: F.cross_entropy(logits, job.labels, reduction="sum"), 1, norm=norm, eps=eps, step_size=eps
    )
    torch.testing.assert_close(found[1], expected, rtol=0, atol=1e-5)


def test_a_restart_keeps_the_first_success_of_each_step_count() -> None:
    count = 2 * COUNT
    job, once = attack(name="pgd", eps=HALF["linf"], count=count)
    _, often = attack(name="pgd", eps=HALF["linf"], count=count, restarts=3)
    done = {steps: job.is_adversarial(once[steps]) for steps in STEPS}
    assert 0 < int(done[4].sum()) < int(done[9].sum()) < count, "some are left to restarts at each step count"
    for steps in STEPS:
        assert torch.equal(often[steps][done[steps]], once[steps][done[steps]])
        assert often[steps][~done[steps]].ne(once[steps][~done[steps]]).flatten(1).any(1).all()


def test_more_restarts_never_leave_more_robust() -> None:
    model, images = Linear(), linear_images(60)
    cells = [settings(name="pgd", eps=0.1, steps=1, step_size=0.01, restarts=restarts) for restarts in (1, 6)]
    few, many = (evaluate(model, images, [cell], 0, 0.5)[0].table for cell in cells)
    robust = list(zip(few["robust"].to_pylist(), many["robust"].to_pylist(), strict=True))
    assert all(before or not after for before, after in robust)
    assert sum(after for _, after in robust) < sum(before for before, _ in robust)


@pytest.mark.parametrize(("step_size", "is_dead"), [(0.02, True), (0.001, False)])
def test_restarts_that_end_in_one_place_are_told_from_those_that_find_more(step_size: float, is_dead: bool) -> None:
    """On a linear model every start reaches one corner of the ball; too short a walk ends elsewhere each time."""
    model, images = Linear(), linear_images(60)
    cell = settings(name="pgd", eps=0.01, steps=4, step_size=step_size, restarts=3)
    (found,) = evaluate(model, images, [cell], 0, 0.5)
    robust = found.count_correct()["robust_correct"]
    assert found.path["restart_images"] >= robust > 8
    assert (found.path["restart_repeated"] == found.path["restart_images"]) is is_dead
    assert found.path["restart_images"] - found.path["restart_found"] == robust
    once = settings(name="pgd", eps=0.01, steps=4, step_size=step_size)
    assert evaluate(model, images, [once], 0, 0.5)[0].path["restart_images"] == 0


def test_sparse_l1_moves_the_steepest_values_that_can_still_move() -> None:
    """On a linear model: of 16 values the steepest four, less those at a bound that the gradient pushes beyond it."""
    model, images = Linear(), linear_images(6)
    images.pixels[:, 0, 2, 1] = torch.tensor([0, 255, 0, 255, 0, 255], dtype=torch.uint8)
    images.labels[:] = torch.tensor([0, 0, 1, 1, 0, 1])
    job = job_of(model, images, (1,), stop=False)
    method = settings(name="sparse_l1", eps=0.4, step_size=0.2, quantile=0.75).method
    found = load_attack(method)(job, method)[1]
    flat = job.clean.flatten(1)
    up = model.weight.detach() * torch.where(job.labels == 0, -1.0, 1.0)[:, None]
    movable = up.masked_fill(((flat <= 0) & (up < 0)) | ((flat >= 1) & (up > 0)), 0)
    assert 0 < int(movable.ne(up).any(1).sum()) < 6, "of some images the steepest value cannot move"
    expected = torch.zeros_like(flat)
    for row, chosen in enumerate(movable.abs().topk(4).indices):
        expected[row, chosen] = 0.05 * up[row, chosen].sign()
    torch.testing.assert_close(found.flatten(1) - flat, expected, rtol=0, atol=1e-6)
