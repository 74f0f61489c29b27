"""Square Attack's search: the sides of the paper's schedule, and no proposal is kept that loses margin."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import cast

import pytest
import torch
from torch import Tensor

from tasks.attacks.engine.attacked_model import compute_margin
from tasks.attacks.square.craft import compute_square_side
from tasks.attacks.square.proposals import BumpNorm, Draws, propose_bump, propose_linf, start_bumps, start_linf
from tasks.attacks.square.settings import SquareSettings
from tests.support.attack_models import Linear, craft, job_of, linear_images, network, network_images, settings

BUDGET = {"linf": 0.2, "l2": 0.5, "l1": 1.5}
COUNT, QUERIES = 10, 80


def square(**raw: object) -> SquareSettings:
    return cast(SquareSettings, settings(name="square", **raw).method)


@pytest.mark.parametrize(
    ("query", "side"),
    [(1, 29), (10, 29), (11, 20), (50, 20), (51, 14), (200, 14), (201, 10), (501, 7), (1001, 5), (2001, 4), (4001, 3),
     (6001, 2), (8001, 1)],
)  # fmt: skip
def test_sides_of_squares_in_linf(query: int, side: int) -> None:
    """Of 32 x 32 pixels, 0.8 at first and half as many after each of the queries that the paper names."""
    assert compute_square_side(query, square(eps=0.1), torch.Size([3, 32, 32])) == side


@pytest.mark.parametrize(("query", "side"), [(1, 29), (11, 21), (51, 15), (201, 11), (1001, 5), (4001, 3), (8001, 3)])
def test_sides_of_squares_in_l2_are_odd_and_at_least_three(query: int, side: int) -> None:
    assert compute_square_side(query, square(norm="l2", eps=0.1), torch.Size([3, 32, 32])) == side


def test_the_share_of_the_first_squares_is_a_setting() -> None:
    assert compute_square_side(1, square(eps=0.1, initial_share=0.05), torch.Size([3, 32, 32])) == 7
    assert compute_square_side(1, square(eps=0.1, initial_share=1.0), torch.Size([1, 8, 9])) == 7, (
        "never the whole image"
    )


@pytest.mark.slow
@pytest.mark.parametrize("norm", ["linf", "l2", "l1"])
def test_the_first_success_or_the_largest_margin_is_kept(norm: str) -> None:
    """The search for one image at a time, with the same proposals."""
    model = network()
    job, eps = job_of(model, network_images(model, COUNT), (1,)), BUDGET[norm]
    method = square(norm=norm, eps=eps, steps=QUERIES)
    bumps: BumpNorm = "l1" if norm == "l1" else "l2"
    start: Callable[..., Tensor] = start_linf if norm == "linf" else partial(start_bumps, norm=bumps)
    propose: Callable[..., Tensor] = propose_linf if norm == "linf" else partial(propose_bump, norm=bumps)
    found = craft(job, settings(name="square", norm=norm, eps=eps, steps=QUERIES))
    for place in range(COUNT):
        one = job.select(torch.tensor([place]))
        draws = Draws(one)
        best = start(one.clean, eps, draws)
        margin = compute_margin(job.model.judge(best), one.labels)
        for query in range(1, QUERIES):
            if margin > 0:
                break
            side = compute_square_side(query, method, one.clean.shape[1:])
            proposal = propose(one.clean, best, eps, side, draws)
            other = compute_margin(job.model.judge(proposal), one.labels)
            best, margin = (proposal, other) if other > margin else (best, margin)
        torch.testing.assert_close(found[place : place + 1], best.detach(), rtol=0, atol=1e-6)
    assert 0 < int(job.is_adversarial(found).sum()) < COUNT


def test_enough_queries_find_nearly_the_best_corner_of_a_linear_model() -> None:
    model, images = Linear(), linear_images(6)
    job = job_of(model, images, (1,))
    eps = 0.9 * float(model.distances(job.clean, "linf").min())
    found = craft(job, settings(name="square", eps=eps, steps=400))
    gained = compute_margin(model(found), job.labels) - compute_margin(model(job.clean), job.labels)
    assert (gained > 0.9 * 2 * eps * model.weight.abs().sum()).all()
