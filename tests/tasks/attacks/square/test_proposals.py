"""Square Attack's proposals: one square at a time, within the ball, each image by its own random numbers."""

from __future__ import annotations

import torch
from torch import Tensor

from tasks.attacks.engine.job import AttackJob
from tasks.attacks.engine.norms import measure_sizes
from tasks.attacks.square.proposals import Draws, propose_bump, propose_linf, start_bumps, start_linf
from tests.support.attack_models import job_of, network, network_images

EPS, SIDE = 0.1, 3


def colour_job(count: int = 20) -> AttackJob:
    """Grey images of three colours, 8 x 9 pixels, far from both bounds."""
    model = network()
    job = job_of(model, network_images(model, count), (1,))
    grey = 0.3 + 0.4 * torch.rand(count, 3, 8, 9, generator=torch.Generator().manual_seed(0))
    return AttackJob(job.model, grey, job.labels, (1,), job.index)


def changed_box(before: Tensor, after: Tensor) -> tuple[int, int]:
    """Height and width of the smallest box around what has changed of one image [C, H, W]."""
    rows, columns = (before != after).any(0).nonzero(as_tuple=True)
    return int(rows.max() - rows.min() + 1), int(columns.max() - columns.min() + 1)


def test_linf_starts_with_stripes_of_the_whole_budget() -> None:
    job = colour_job()
    delta = start_linf(job.clean, EPS, Draws(job)) - job.clean
    torch.testing.assert_close(delta.abs(), torch.full_like(delta, EPS))
    assert delta.std(dim=2).max() < 1e-6, "the same down each column"
    assert 0.3 < (delta[:, :, 0] > 0).float().mean() < 0.7


def test_linf_moves_one_square_each_colour_to_one_side_of_the_ball() -> None:
    job = colour_job()
    draws = Draws(job)
    before = start_linf(job.clean, EPS, draws)
    sides, corners, colours = set(), set(), set()
    for _ in range(30):
        after = propose_linf(job.clean, before, EPS, SIDE, draws)
        torch.testing.assert_close((after - job.clean).abs(), torch.full_like(after, EPS))
        for one_before, one_after, clean in zip(before, after, job.clean, strict=True):
            moved = (one_before != one_after).any(0)
            if moved.any():
                sides.add(max(changed_box(one_before, one_after)))
                corners.add(tuple(moved.nonzero()[0].tolist()))
                colours.add(tuple(((one_after - clean) > 0)[:, moved][:, 0].tolist()))
    assert max(sides) == SIDE
    assert {row for row, _ in corners} >= {0, 5}, "from the first row to the last"
    assert {column for _, column in corners} >= {0, 6}
    assert len(colours) == 8, "each colour has a sign of its own"


def test_l2_starts_with_bumps_that_rise_to_their_centre_and_whose_lower_half_is_negative() -> None:
    job, eps = colour_job(), 0.3
    clean = torch.full((20, 3, 10, 10), 0.5)
    delta = start_bumps(clean, eps, Draws(job), "l2") - clean
    tiles = delta.view(20, 3, 5, 2, 5, 2).transpose(3, 4)
    # rings of 1 / 1^2 around the centre and 1 / 2^2 around that: 1 / 4 and 1 + 1 / 4
    bump = torch.tensor([[1.0, 5.0], [-1.0, -5.0]]) / 52**0.5 * eps / (3 * 25) ** 0.5
    torch.testing.assert_close(tiles * tiles[..., :1, :1].sign(), bump.expand_as(tiles), atol=1e-6, rtol=1e-5)
    assert 0.3 < (tiles[..., 0, 0] > 0).float().mean() < 0.7


def test_l2_spends_the_whole_budget_and_moves_it_between_two_squares() -> None:
    job, eps = colour_job(), 0.3
    draws = Draws(job)
    before = start_bumps(job.clean, eps, draws, "l2")
    torch.testing.assert_close(measure_sizes(before - job.clean)["l2"], torch.full((20,), eps))
    for _ in range(10):
        after = propose_bump(job.clean, before, eps, SIDE, draws, "l2")
        torch.testing.assert_close(measure_sizes(after - job.clean)["l2"], torch.full((20,), eps))
        moved = []
        for one in range(20):
            old, new = (before - job.clean)[one], (after - job.clean)[one]
            factor = (new / old).nanmedian()  # of everything outside the two squares
            changed = (new - factor * old).abs() > 1e-4
            moved.append(int(changed.any(0).sum()))
        assert SIDE * SIDE < max(moved) <= 2 * SIDE * SIDE, "two squares, not one"
        before = after


def test_an_image_draws_the_same_numbers_alone_and_after_others_have_left() -> None:
    job = colour_job(6)
    together, alone = Draws(job), Draws(job.select(torch.tensor([4])))
    first = together.draw_next(5), alone.draw_next(5)
    together.keep(torch.tensor([1, 4]))
    second = together.draw_next(5), alone.draw_next(5)
    assert torch.equal(first[0][4], first[1][0])
    assert torch.equal(second[0][1], second[1][0])
    assert not torch.equal(first[1], second[1])


def test_l1_spends_the_budget_that_the_box_cuts_elsewhere() -> None:
    job, eps = colour_job(), 6.0
    draws = Draws(job)
    pixels = start_bumps(job.clean, eps, draws, "l1")
    for _ in range(10):
        torch.testing.assert_close(measure_sizes(pixels - job.clean)["l1"], torch.full((20,), eps), rtol=1e-4, atol=0)
        assert pixels.min() >= 0
        assert pixels.max() <= 1
        pixels = propose_bump(job.clean, pixels, eps, SIDE, draws, "l1")
