"""Norms: the steepest direction, the nearest point of the ball, random points of it, and sizes."""

from __future__ import annotations

import pytest
import torch

from tasks.attacks.engine.norms import NORMS, SparseL1, measure_sizes, project_l1_into_box
from tests.support.reference_attacks import into_ball_and_box

ORDER = {"linf": torch.inf, "l2": 2.0, "l1": 1.0}
DUAL = {"linf": 1.0, "l2": 2.0, "l1": torch.inf}
SHAPE = (12, 2, 3, 4)


def draw(seed: int) -> torch.Tensor:
    """Perturbations of very different sizes, their values in either sign."""
    drawn = torch.Generator().manual_seed(seed)
    return torch.randn(SHAPE, generator=drawn) * torch.linspace(0.01, 3, 12)[:, None, None, None]


def length(delta: torch.Tensor, norm: str) -> torch.Tensor:
    found: torch.Tensor = torch.linalg.vector_norm(delta.flatten(1), ORDER[norm], dim=1)
    return found


@pytest.mark.parametrize("norm", sorted(NORMS))
def test_size(norm: str) -> None:
    torch.testing.assert_close(NORMS[norm].size(draw(0)), length(draw(0), norm))
    torch.testing.assert_close(NORMS[norm].size(draw(0)[:1]), length(draw(0)[:1], norm))


def test_every_size_at_once_and_colours_counted_alone() -> None:
    delta = draw(1)
    delta[0, :, 1:] = 0
    sizes = measure_sizes(delta)
    assert {*sizes} == {*NORMS, "l0"}
    assert sizes["l0"].tolist() == [2 * 1 * 4, *[2 * 3 * 4] * 11]


@pytest.mark.parametrize("norm", sorted(NORMS))
def test_the_direction_is_of_size_one_and_raises_the_loss_as_much_as_any(norm: str) -> None:
    gradient = draw(2)
    direction = NORMS[norm].direction(gradient)
    torch.testing.assert_close(length(direction, norm), torch.ones(12))
    gained = (gradient * direction).flatten(1).sum(1)
    torch.testing.assert_close(gained, torch.linalg.vector_norm(gradient.flatten(1), DUAL[norm], dim=1))
    assert torch.equal(NORMS[norm].direction(torch.zeros(SHAPE)), torch.zeros(SHAPE))


@pytest.mark.parametrize("norm", sorted(NORMS))
def test_projection_is_the_nearest_point_of_the_ball(norm: str) -> None:
    """For every point y of the ball, (delta - p) . (y - p) <= 0, in the geometry of L2; linf and l2 alike."""
    delta, eps = draw(3), 1.5
    projected = NORMS[norm].project(delta, eps)
    inside = length(delta, norm) <= eps
    assert 0 < int(inside.sum()) < 12
    assert torch.equal(projected[inside], delta[inside])
    torch.testing.assert_close(length(projected[~inside], norm), torch.full((int((~inside).sum()),), eps))
    for seed in range(20):
        other = draw(100 + seed)
        other = other * (eps / length(other, norm)).clamp_max(1)[:, None, None, None]
        assert (((delta - projected) * (other - projected)).flatten(1).sum(1) <= 1e-4).all()


@pytest.mark.parametrize("norm", sorted(NORMS))
def test_random_points_fill_the_ball_evenly(norm: str) -> None:
    """Of a ball of n dimensions, the share within radius r is r^n: so r^n is uniform."""
    generator, shape, eps = torch.Generator().manual_seed(0), torch.Size([1, 2, 2]), 0.7
    points = torch.stack([NORMS[norm].random(shape, eps, generator) for _ in range(4000)])
    share = (length(points, norm) / eps) ** 4
    assert share.max() <= 1 + 1e-5
    torch.testing.assert_close(share.mean(), torch.tensor(0.5), rtol=0, atol=0.02)
    torch.testing.assert_close((share < 0.25).float().mean(), torch.tensor(0.25), rtol=0, atol=0.025)
    assert (points.mean(0).abs() < 0.03).all(), "around the middle"
    assert ((points > 0).float().mean(0) - 0.5).abs().max() < 0.03


def test_sparse_steps_share_the_size_among_the_steepest_values() -> None:
    gradient = torch.tensor([0.1, -4.0, 3.0, 0.0, -2.0, 1.0, 0.5, 0.2]).view(1, 1, 2, 4)
    expected = torch.tensor([0, -0.5, 0.5, 0, 0, 0, 0, 0]).view(1, 1, 2, 4)
    torch.testing.assert_close(SparseL1(quantile=0.75).direction(gradient), expected)
    torch.testing.assert_close(SparseL1(quantile=0.99).direction(gradient), 2 * expected.clamp(max=0))
    ties = torch.tensor([1.0, -1.0, 1.0, 0.5]).view(1, 1, 2, 2)
    torch.testing.assert_close(SparseL1(quantile=0.75).direction(ties).flatten(), torch.tensor([1, -1, 1, 0]) / 3)


@pytest.mark.parametrize("eps", [0.1, 1.0, 3.0, 30.0])
def test_l1_is_projected_onto_ball_and_box_at_once(eps: float) -> None:
    drawn = torch.Generator().manual_seed(2)
    clean = torch.rand(12, 1, 4, 4, generator=drawn)
    delta = torch.randn(clean.shape, generator=drawn)
    found = project_l1_into_box(clean, delta, eps)
    for place in range(len(clean)):
        expected = into_ball_and_box(clean[place], delta[place], eps)
        torch.testing.assert_close(found[place], expected, rtol=0, atol=1e-5)
    assert (NORMS["l1"].size(found) <= eps * (1 + 1e-5)).all()


@pytest.mark.parametrize("norm", sorted(NORMS))
def test_every_image_may_have_a_budget_of_its_own(norm: str) -> None:
    delta = torch.randn(6, 1, 4, 4, generator=torch.Generator().manual_seed(4))
    budgets = torch.tensor([0.01, 0.3, 1.0, 2.0, 5.0, 100.0])
    together = NORMS[norm].project(delta, budgets)
    for place, eps in enumerate(budgets.tolist()):
        torch.testing.assert_close(together[place : place + 1], NORMS[norm].project(delta[place : place + 1], eps))
