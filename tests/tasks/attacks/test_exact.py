"""Attacks on a linear model, where the smallest perturbation and the success at every budget are known."""

from __future__ import annotations

import pytest
import torch

from tasks.attacks.fab.projections import project_to_hyperplane
from tasks.attacks.jsma.saliency import find_best_pairs
from tasks.data.images import convert_to_float
from tasks.evaluation.evaluate import evaluate
from tests.support.attack_models import Linear, linear_images, settings

BOUNDED = [
    ("fgsm", "linf", {}),
    ("fgsm", "l2", {}),
    ("ifgsm", "linf", {}),
    ("ifgsm", "l2", {}),
    ("mifgsm", "linf", {}),
    ("mifgsm", "l2", {}),
    ("pgd", "linf", {"steps": 20, "restarts": 2}),
    ("pgd", "l2", {"steps": 40}),
    ("sparse_l1", "l1", {}),
    ("apgd_ce", "linf", {}),
    ("apgd_ce", "l2", {}),
    ("apgd_t", "linf", {}),
    ("apgd_t", "l2", {}),
    ("autoattack", "linf", {}),
    ("autoattack", "l2", {}),
]


def middle_budget(norm: str) -> tuple[float, int]:
    """A budget between the distances of two images, far from both, and how many withstand it."""
    model, images = Linear(), linear_images()
    distances = model.distances(convert_to_float(images.pixels), norm).sort().values
    gaps = distances[3:9].diff()
    place = 3 + int(gaps.argmax())
    return float(distances[place : place + 2].mean()), len(distances) - place - 1


@pytest.mark.parametrize(("name", "norm", "extra"), BOUNDED)
@pytest.mark.parametrize("stop", [True, False])
def test_success_is_exact(name: str, norm: str, extra: dict[str, object], stop: bool) -> None:
    eps, robust = middle_budget(norm)
    cell = settings(name=name, norm=norm, eps=eps, stop_when_fooled=stop, **extra)
    if name.startswith(("auto", "apgd")) and not stop:
        pytest.skip("the setting is canonicalised away")
    (found,) = evaluate(Linear(), linear_images(), [cell], 0, 0.5)
    assert found.count_correct() == {"examples": 12, "clean_correct": 12, "robust_correct": robust}


MINIMAL = [
    ("fab_t", "linf", {}, 1e-3),
    ("fab_t", "l2", {}, 1e-3),
    ("fab_t", "l1", {}, 1e-3),
    ("deepfool", "linf", {}, 0.04),
    ("deepfool", "l2", {}, 0.04),
    ("carlini_wagner", "l2", {"steps": 200, "binary_search_steps": 6, "step_size": 0.002}, 0.02),
    ("ead", "l1", {"steps": 200, "decision_rule": "L1"}, 0.1),
    ("rays", "linf", {"steps": 40}, 0.05),
]


@pytest.mark.parametrize(("name", "norm", "extra", "tolerance"), MINIMAL)
def test_smallest_perturbation(name: str, norm: str, extra: dict[str, object], tolerance: float) -> None:
    model, images = Linear(), linear_images()
    (found,) = evaluate(model, images, [settings(name=name, norm=norm, **extra)], 0, 0.5)
    assert found.count_correct()["robust_correct"] == 0
    sizes = torch.tensor(found.table[norm].to_numpy())
    exact = model.distances(convert_to_float(images.pixels), norm)
    assert (sizes >= exact * (1 - 1e-5)).all(), "smaller than possible"
    assert (sizes <= exact * (1 + tolerance) + 2e-3).all(), (sizes / exact).tolist()


def test_jsma_changes_as_few_values_as_possible() -> None:
    model, images = Linear(), linear_images()
    cell = settings(name="jsma", gamma=1.0, values_per_step=1)
    (found,) = evaluate(model, images, [cell], 0, 0.5)
    assert found.table["l0"].to_pylist() == model.fewest(convert_to_float(images.pixels)).tolist()


def test_one_run_of_a_minimal_attack_serves_every_budget() -> None:
    model, images = Linear(), linear_images()
    exact = model.distances(convert_to_float(images.pixels), "l2")
    budgets = [0.01, 0.05, 0.1, 0.2]
    cells = [settings(name="fab_t", norm="l2", eps=eps) for eps in [*budgets, None]]
    assert len({str(cell.shared()) for cell in cells}) == 1
    found = [result.count_correct()["robust_correct"] for result in evaluate(model, images, cells, 0, 0.5)]
    assert found == [*(int((exact > eps * 1.001).sum()) for eps in budgets), 0]


def test_targeted_jsma_takes_the_pair_of_the_saliency_map() -> None:
    drawn = torch.Generator().manual_seed(0)
    gain, loss = (torch.randn(50, 30, generator=drawn) for _ in range(2))
    forbidden = torch.rand(50, 30, generator=drawn) < 0.3
    gain, loss = gain.masked_fill(forbidden, -torch.inf), loss.masked_fill(forbidden, -torch.inf)
    pairs = find_best_pairs(gain, loss)
    risen, fallen = gain[:, :, None] + gain[:, None], loss[:, :, None] + loss[:, None]
    allowed = (risen > 0) & (fallen > 0) & ~torch.eye(30, dtype=torch.bool)
    score = torch.where(allowed, risen * fallen, torch.tensor(0.0))
    rows = torch.arange(50)
    assert torch.equal(pairs.found, score.flatten(1).amax(1) > 0)
    reached = score[rows, pairs.first, pairs.second]
    assert torch.equal(reached[pairs.found], score.flatten(1).amax(1)[pairs.found])


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
