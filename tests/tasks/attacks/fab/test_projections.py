"""Projection onto a hyperplane within the box."""

from __future__ import annotations

import pytest
import torch

from tasks.attacks.fab.projections import project_to_hyperplane


@pytest.mark.parametrize("norm", ["linf", "l2", "l1"])
def test_projection_onto_a_hyperplane_is_the_nearest_in_the_box(norm: str) -> None:
    drawn = torch.Generator().manual_seed(1)
    points, normal = torch.rand(40, 9, generator=drawn), torch.randn(40, 9, generator=drawn)
    goal = torch.rand(40, 9, generator=drawn)
    offset = (normal * goal).sum(1)
    moved = points + project_to_hyperplane(points, normal, offset, norm)
    assert moved.min() >= -1e-6
    assert moved.max() <= 1 + 1e-6
    torch.testing.assert_close((normal * moved).sum(1), offset, rtol=1e-4, atol=1e-5)
    order = {"linf": torch.inf, "l2": 2, "l1": 1}[norm]
    length = torch.linalg.vector_norm(moved - points, order, dim=1)
    for _ in range(200):  # no other point of the hyperplane within the box is nearer: mix with feasible ones
        other = moved + 0.1 * torch.randn(40, 9, generator=drawn)
        other = other - ((normal * other).sum(1) - offset)[:, None] * normal / normal.square().sum(1, keepdim=True)
        feasible = (other.amin(1) >= 0) & (other.amax(1) <= 1)
        nearer = torch.linalg.vector_norm(other - points, order, dim=1) < length - 1e-4
        assert not (feasible & nearer).any()
